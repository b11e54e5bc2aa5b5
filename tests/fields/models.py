"""Models with one field of each type that Django has, with a key of each kind, and with fields of one's own."""

import uuid
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, models

SIZES = [("s", "Small"), ("l", "Large")]


class Level(models.IntegerChoices):
    LOW = 1, "Low level"
    HIGH = 2, "High level"


class Point(NamedTuple):
    x: int
    y: int


class Colour:
    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"the colour {self.name}"


class Opaque:
    """Has no text of its own."""


class OwnField(models.CharField):
    """A field whose values are objects in Python."""

    make: Any = None

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else type(self).make(value)

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else str(value)


class ColourField(OwnField):
    make = Colour


class OpaqueField(OwnField):
    make = lambda text: Opaque()  # noqa: E731


class ExplainedField(OpaqueField):
    def value_to_string(self, obj: Any) -> str:
        return "explained"


class Kind(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=20)


class Everything(models.Model):
    """One field of each type, all of which may be without a value."""

    big_integer = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=50, null=True)
    date = models.DateField(null=True)
    date_time = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(null=True)
    file = models.FileField(null=True)
    file_path = models.FilePathField(path=str(Path(__file__).parent), null=True)
    float = models.FloatField(null=True)
    generated = models.GeneratedField(
        expression=models.F("integer") * 2, output_field=models.IntegerField(), db_persist=True
    )
    image = models.ImageField(null=True)
    integer = models.IntegerField(null=True)
    ip = models.GenericIPAddressField(null=True)
    json = models.JSONField(null=True)
    level = models.IntegerField(choices=Level, null=True)
    positive_big_integer = models.PositiveBigIntegerField(null=True)
    positive_integer = models.PositiveIntegerField(null=True)
    positive_small_integer = models.PositiveSmallIntegerField(null=True)
    size = models.CharField(max_length=1, choices=SIZES, null=True)
    slug = models.SlugField(null=True)
    small_integer = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)
    time = models.TimeField(null=True)
    url = models.URLField(null=True)
    uuid = models.UUIDField(null=True)
    foreign_key = models.ForeignKey(Kind, models.CASCADE, null=True, related_name="+")
    one_to_one = models.OneToOneField(Kind, models.CASCADE, null=True, related_name="+")
    colour = ColourField(max_length=20, null=True)

    @property
    def point(self) -> Point:
        return Point(1, 2)


class Odd(models.Model):
    """Fields of one's own, whose values have no text, or one that they are given."""

    opaque = OpaqueField(max_length=20, null=True)
    explained = ExplainedField(max_length=20, null=True)

    @property
    def thing(self) -> Opaque:
        return Opaque()

    @property
    def anything(self) -> Any:
        return Opaque()

    def get_thing(self) -> str:
        return "thing"


class Slot(models.Model):
    """A composite key of a UUID, a moment and a number."""

    pk = models.CompositePrimaryKey("kind", "begins", "place")
    kind = models.ForeignKey(Kind, models.CASCADE)
    begins = models.DateTimeField()
    place = models.IntegerField()
    name = models.CharField(max_length=20)


class Moment(models.Model):
    at = models.DateTimeField(primary_key=True)
    name = models.CharField(max_length=20)


class Day(models.Model):
    date = models.DateField(primary_key=True)
    name = models.CharField(max_length=20)


class Price(models.Model):
    amount = models.DecimalField(max_digits=8, decimal_places=3, primary_key=True)
    name = models.CharField(max_length=20)


class Host(models.Model):
    ip = models.GenericIPAddressField(primary_key=True)
    name = models.CharField(max_length=20)


class Long(models.Model):
    """Its keys may be longer than the log can hold."""

    path = models.CharField(max_length=700, primary_key=True)
    name = models.CharField(max_length=20)


if connection.vendor == "postgresql":
    from django.contrib.postgres.fields import ArrayField, DateRangeField, IntegerRangeField

    class Special(models.Model):
        """What only PostgreSQL has."""

        numbers = ArrayField(models.IntegerField(), null=True)
        days = ArrayField(ArrayField(models.DateField()), null=True)
        span = IntegerRangeField(null=True)
        dates = DateRangeField(null=True)
