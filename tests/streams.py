"""The streams of the tests."""

from django.core.exceptions import PermissionDenied

from realtime import ActionError, ModelStream, action, event, register, send_user_event, stop_text
from tests.models import Answer, Book, Note, Shelf


@register("books")
class BookStream(ModelStream):
    """The books of a shelf, for everyone who is logged in."""

    model = Book
    fields = ["id", "title", "pages", "owner.username"]
    template_name = "tests/book.html"
    partition_by = ["shelf"]
    depends_on = ["owner", "tags"]

    def authorize(self, user, shelf):
        return True

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf).order_by("title")

    @action
    def add(self, user, title: str, pages: int = 0):
        book = Book(shelf_id=self.params["shelf"], title=title, pages=pages)
        book.full_clean()
        book.save()
        return {"pk": book.pk}

    @action
    async def read(self, user, pk: int):
        book = await Book.objects.aget(pk=pk)
        book.pages += 1
        await book.asave()
        return book.pages

    @action
    def refuse(self, user):
        raise ActionError("Not today.")

    @action
    def crash(self, user):
        raise RuntimeError("secret")

    @action(permission="tests.delete_book")
    def burn(self, user):
        Book.objects.filter(shelf=self.params["shelf"]).delete()


@register("top")
class TopStream(ModelStream):
    """The three thickest books of a shelf."""

    model = Book
    fields = ["id", "title", "pages"]
    partition_by = ["shelf"]
    allow_anonymous = True

    def authorize(self, user, shelf):
        return True

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf).order_by("-pages")[:3]


@register("news")
class NewsStream(ModelStream):
    """The books of a shelf, for its readers: everybody whose name is not "mallory". New ones are unread."""

    model = Book
    fields = ["id", "title"]
    template_name = "tests/book.html"
    partition_by = ["shelf"]
    unread_by = "pk"
    unread_except = "owner"

    def authorize(self, user, shelf):
        return user.username != "mallory"

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf).exclude(title="secret").order_by("title")[:2]


@register("mine")
class MineStream(ModelStream):
    """Everyone's own books."""

    model = Book
    fields = ["id", "title"]

    def authorize(self, user):
        return True

    def audience(self, user):
        return user.pk

    def get_queryset(self):
        return Book.objects.filter(owner=self.audience)


@register("priced")
class PricedStream(ModelStream):
    """The books of a shelf; staff see how thick they are, and another template."""

    model = Book
    fields = ["id", "title", "pages"]
    template_name = "tests/book.html"
    partition_by = ["shelf"]

    def authorize(self, user, shelf):
        return True

    def audience(self, user, shelf):
        return "staff" if user.is_staff else "all"

    def get_fields(self):
        return self.fields if self.audience_key == "staff" else ["id", "title"]

    def get_template_name(self):
        return "tests/staff_book.html" if self.audience_key == "staff" else self.template_name

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf).order_by("title")


@register("staffroom")
class StaffroomStream(ModelStream):
    """The shelves, for staff."""

    model = Shelf
    fields = ["id", "name"]

    def authorize(self, user):
        return user.is_staff


@register("shelves")
class ShelfStream(ModelStream):
    """Needs Django's view permission: it has no authorize of its own."""

    model = Shelf
    fields = ["id", "name"]


@register("addressed")
class AddressedStream(ModelStream):
    """The shelves, with addresses in their rows."""

    model = Shelf
    template_name = "tests/addressed.html"
    allow_anonymous = True

    def authorize(self, user):
        return True


@register("broken")
class BrokenStream(ModelStream):
    """Its rows cannot be read."""

    model = Book
    fields = ["id"]

    def authorize(self, user):
        return True

    def get_queryset(self):
        raise RuntimeError("secret")


@register("noted")
class NotedStream(ModelStream):
    """The books of a shelf, for whom a note lets in; the note says too which half of the books they see."""

    model = Book
    fields = ["id", "title"]
    partition_by = ["shelf"]
    authorize_depends_on = ["tests.Note"]

    def authorize(self, user, shelf):
        return Note.objects.filter(text__startswith=f"{user.username} ").exists()

    def audience(self, user, shelf):
        return Note.objects.get(text__startswith=f"{user.username} ").text.split()[1]

    def get_queryset(self, shelf):
        books = Book.objects.filter(shelf=shelf)
        return books if self.audience_key == "all" else books.filter(title__startswith=self.audience_key)


@register("talk")
class TalkStream(ModelStream):
    """The books of a shelf, and what people say about them; a note may keep someone out."""

    model = Book
    fields = ["id", "title"]
    template_name = "tests/book.html"
    partition_by = ["shelf"]
    authorize_depends_on = ["tests.Note"]
    allow_anonymous = True
    presence = True

    def authorize(self, user, shelf):
        return not Note.objects.filter(text=f"not {user.username}").exists()

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf)

    @event
    def typing(self, user, book: int, words: list[str] = []):  # noqa: B006 - each event gets its own
        ...

    @action
    def announce(self, user, text: str):
        send_user_event(user, "toast", {"text": text})

    @event
    async def hello(self, user):
        return {"name": user.username, "shelf": self.params["shelf"]}

    @event
    def whisper(self, user, text: str):
        if text == "secret":
            raise PermissionDenied("Not this.")
        raise ActionError("Speak up.")

    @event
    def crash(self, user):
        raise RuntimeError("secret")


@register("own")
class OwnStream(ModelStream):
    """Everyone's own books, to which they may nod."""

    model = Book
    fields = ["id", "title"]

    def authorize(self, user):
        return True

    def audience(self, user):
        return user.pk

    def get_queryset(self):
        return Book.objects.filter(owner=self.audience_key)

    @event
    def nod(self, user): ...


@register("answers")
class AnswerStream(ModelStream):
    """The answers on a shelf."""

    model = Answer
    fields = ["id", "text", "state"]
    template_name = "tests/answer.html"
    partition_by = ["shelf"]
    allow_anonymous = True

    def authorize(self, user, shelf):
        return True

    def get_queryset(self, shelf):
        return Answer.objects.filter(shelf=shelf).order_by("pk")

    @action
    def stop(self, user, pk: int):
        return stop_text(self.get_queryset(**self.params).get(pk=pk), "text")
