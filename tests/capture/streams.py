"""The streams that make the models live."""

from django.db.models import Count

from realtime import ModelStream, register
from tests.capture import models
from tests.capture.models import Atlas, Book, Card, Document, Mark, Part, Print, Reader, Slot, Ticket, Town


class CaptureStream(ModelStream):
    fields = ["pk"]

    def authorize(self, user, **params):
        return True


@register("capture.books")
class Books(CaptureStream):
    model = Book
    partition_by = ["shelf"]
    depends_on = ["tags", "readers"]

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf)


@register("capture.touched")
class Touched(CaptureStream):
    model = Book
    fields = ["title"]
    partition_by = ["shelf"]
    allow_anonymous = True

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf)


@register("capture.atlases")
class Atlases(CaptureStream):
    model = Atlas
    partition_by = ["shelf"]

    def get_queryset(self, shelf):
        return Atlas.objects.filter(shelf=shelf)


@register("capture.prints")
class Prints(CaptureStream):
    model = Print
    partition_by = ["realtime_number"]
    depends_on = ["lots"]

    def get_queryset(self, realtime_number):
        return Print.objects.filter(realtime_number=realtime_number)


@register("capture.readers")
class Readers(CaptureStream):
    model = Reader
    partition_by = ["shelf"]

    def get_queryset(self, shelf):
        return Reader.objects.filter(shelf=shelf)


@register("capture.towns")
class Towns(CaptureStream):
    model = Town

    def get_queryset(self):
        return Town.objects.all()


@register("capture.slots")
class Slots(CaptureStream):
    model = Slot
    partition_by = ["reader"]

    def get_queryset(self, reader):
        return Slot.objects.filter(reader=reader)


@register("capture.marks")
class Marks(CaptureStream):
    model = Mark
    fields = ["id", "slot_text"]
    depends_on = ["slot"]
    allow_anonymous = True


@register("capture.marked")
class Marked(CaptureStream):
    model = Slot
    fields = ["number", "mark_count"]
    depends_on = ["marks"]
    allow_anonymous = True

    def get_queryset(self):
        return Slot.objects.annotate(mark_count=Count("marks"))


@register("capture.places")
class Places(CaptureStream):
    """A stream that follows the link of a multi-table child to its parent."""

    model = Atlas
    allow_anonymous = True
    depends_on = ["book_ptr"]


@register("capture.tickets")
class Tickets(CaptureStream):
    model = Ticket
    fields = ["text"]
    allow_anonymous = True


@register("capture.cards")
class Cards(CaptureStream):
    model = Card
    fields = ["name"]
    partition_by = ["drawer"]
    allow_anonymous = True

    def get_queryset(self, drawer):
        return Card.objects.filter(drawer=drawer)


@register("capture.documents")
class Documents(CaptureStream):
    model = Document


@register("capture.parts")
class Parts(CaptureStream):
    model = Part


if hasattr(models, "Shadow"):

    @register("capture.shadows")
    class Shadows(CaptureStream):
        model = models.Shadow
