"""Models with every kind of relation, key and inheritance."""

import uuid

import django
from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=50, default="")
    code = models.CharField(max_length=20, unique=True, null=True)


class Tag(models.Model):
    name = models.CharField(max_length=50, default="")


class ShortBookManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(pages__lt=100)


class LoudQuerySet(models.QuerySet):
    """A project's QuerySet that overrides Django's methods for writing."""

    def update(self, **values):
        return super().update(**{"pages": 7, **values})

    def delete(self):
        return super().delete()

    def bulk_create(self, objs, *args, **kwargs):
        return super().bulk_create(list(objs), *args, **kwargs)


class Book(models.Model):
    title = models.CharField(max_length=100, default="")
    pages = models.IntegerField(default=0)
    isbn = models.CharField(max_length=20, unique=True, null=True)
    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="books")
    sequel = models.ForeignKey("self", models.SET_NULL, null=True, related_name="prequels")
    tags = models.ManyToManyField(Tag, related_name="books")
    similar = models.ManyToManyField("self")
    readers = models.ManyToManyField("Reader", through="Loan", related_name="books")

    objects = models.Manager()
    short = ShortBookManager()
    loud = LoudQuerySet.as_manager()


class Reader(models.Model):
    """The names of its columns differ from those of its fields."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_column="reader")
    name = models.CharField(max_length=50, default="")
    shelf = models.ForeignKey(
        Shelf, models.SET_DEFAULT, null=True, default=None, related_name="readers", db_column="place"
    )


class Loan(models.Model):
    """A custom through model."""

    book = models.ForeignKey(Book, models.CASCADE)
    reader = models.ForeignKey(Reader, models.CASCADE)
    days = models.IntegerField(default=1)


class BookProxy(Book):
    class Meta:
        proxy = True


class Atlas(Book):
    """A child of multi-table inheritance."""

    scale = models.IntegerField(default=1)


class Lot(models.Model):
    """Its table and its column have names that the statements of capture use, too."""

    realtime_number = models.IntegerField(default=0)

    class Meta:
        db_table = "n"


class Print(Lot):
    """A child of multi-table inheritance, whose changes are routed by a value in its parent's row."""

    text = models.CharField(max_length=20, default="")
    lots = models.ManyToManyField(Lot, related_name="prints")

    class Meta:
        db_table = "o"


class Slot(models.Model):
    """A row of a reader, with a key of two columns."""

    pk = models.CompositePrimaryKey("reader", "number")
    reader = models.ForeignKey(Reader, models.CASCADE, related_name="slots", db_column="of_reader")
    number = models.IntegerField(db_column="no")
    text = models.CharField(max_length=20, default="")


class Mark(models.Model):
    """A row that refers to a key of two columns without a foreign key."""

    reader_key = models.UUIDField()
    slot_number = models.IntegerField()
    slot = models.ForeignObject(
        Slot,
        models.CASCADE,
        from_fields=["reader_key", "slot_number"],
        to_fields=["reader", "number"],
        related_name="marks",
    )

    @property
    def slot_text(self):
        return self.slot.text


class Wrapped:
    """A value in a project's own class, as in Django's tests of primary keys."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == getattr(other, "value", other)

    def __hash__(self):
        return hash(self.value)


class WrappedAutoField(models.BigAutoField):
    def from_db_value(self, value, expression, connection):
        return None if value is None else Wrapped(value)

    def get_db_prep_value(self, value, connection, prepared=False):
        return value.value if isinstance(value, Wrapped) else value

    get_db_prep_save = get_db_prep_value

    def get_prep_value(self, value):
        return value.value if isinstance(value, Wrapped) else super().get_prep_value(value)


class Ticket(models.Model):
    id = WrappedAutoField(primary_key=True)
    text = models.CharField(max_length=20, default="")


class InitialField(models.CharField):
    """Stores the first letter of the name, and leaves the object's attribute as it is."""

    def pre_save(self, model_instance, add):
        return model_instance.name[:1].lower()


class Card(models.Model):
    """A card in the drawer of its letter."""

    name = models.CharField(max_length=20)
    drawer = InitialField(max_length=1, default="?")


class Page(models.Model):
    """A model that no stream needs."""

    text = models.CharField(max_length=100, default="")


if django.VERSION >= (6, 1):

    class Shadow(models.Model):
        """A row that the database deletes with its tag; Django requires DB_CASCADE of foreign keys in Tag too."""

        tag = models.ForeignKey(Tag, models.DB_CASCADE, related_name="+")


class Document(models.Model):
    """A model whose keys may be too long for the log."""

    path = models.CharField(max_length=700, primary_key=True)
    title = models.CharField(max_length=20, default="")


class Town(models.Model):
    """A model whose keys are short texts."""

    code = models.CharField(max_length=20, primary_key=True)


class Part(models.Model):
    """A model whose keys may be too long for the log as JSON."""

    pk = models.CompositePrimaryKey("path", "number")
    path = models.CharField(max_length=400)
    number = models.IntegerField()
