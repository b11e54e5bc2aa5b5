"""What cannot be sent is said at start: which stream, which field, which type, and what to do."""

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.test.utils import isolate_apps
from rest_framework import serializers

from realtime import ModelStream
from realtime.checks.setup import check_streams
from realtime.streams.registry import registry
from tests.fields.models import Everything, Kind, Odd, OpaqueField
from tests.support.streams import no_streams

HINT = (
    "Give the field a value_to_string(), or list a property in `fields` that returns text, a number, a list or a "
    "dictionary."
)


class KindSerializer(serializers.ModelSerializer):
    class Meta:
        model = Kind
        fields = ["name"]


@pytest.fixture
def said(django_db_setup, django_db_blocker):
    """What the checks say of a stream that is declared so, and its hint."""

    def said(model, **options):
        registry.add("made", type("Made", (ModelStream,), {"model": model, **options}))
        with django_db_blocker.unblock():
            return [(message.msg, message.hint) for message in check_streams(None)]

    with no_streams():
        yield said


@pytest.mark.parametrize(
    ("field", "what", "type_name"),
    [
        ("opaque", "a OpaqueField", "Opaque"),
        ("thing", "a property", "Opaque"),
        ("get_thing", "a method", "method"),
    ],
)
def test_field_whose_values_cannot_be_sent(said, field, what, type_name):
    message = f"Made.fields names {field!r}, {what} with values of type {type_name}, which JSON cannot represent."
    assert said(Odd, fields=["id", field]) == [(message, HINT)]


@isolate_apps("tests.fields")
def test_field_that_converts_only_as_an_instance_is_looked_at(said):
    class Palette(models.Model):
        colours = ArrayField(OpaqueField())

        class Meta:
            app_label = "fields"

    assert said(Palette, fields=["id", "colours"]) == []


def test_field_with_a_text_of_its_own_is_sent(said):
    assert said(Odd, fields=["explained"]) == []


def test_every_field_of_django_is_sent(said):
    names = [field.name for field in Everything._meta.concrete_fields]
    assert said(Everything, fields=[*names, "point", "foreign_key.name"]) == []


def test_value_that_only_shows_at_runtime_names_stream_and_field(desk, caplog):
    """`Any` tells nothing at start."""
    Odd.objects.create()
    stream = desk.stream(Odd, lambda self: Odd.objects.all(), fields=["anything"])
    desk.watch(stream)
    assert (
        f"The field 'anything' of the stream {stream.name!r} has a value of type Opaque, which JSON cannot hold."
        in str(caplog.records[0].exc_info[1])
    )


def test_what_is_no_serializer_is_named(said):
    assert said(Kind, serializer_class=dict) == [
        (
            "Made.serializer_class is <class 'dict'>, which is not a serializer.",
            "Set it to a subclass of rest_framework.serializers.BaseSerializer.",
        )
    ]


def test_serializer_that_is_an_object_is_named(said):
    [(message, _)] = said(Kind, serializer_class=KindSerializer())
    assert message.startswith("Made.serializer_class is KindSerializer():")


def test_serializer_of_another_model_is_named(said):
    assert said(Odd, serializer_class=KindSerializer) == [
        (
            "Made.serializer_class is KindSerializer, which serializes Kind.",
            "Set it to a serializer for Odd, the stream's model.",
        )
    ]


def test_serializer_that_fits(said):
    assert said(Kind, serializer_class=KindSerializer) == []


def test_serializer_whose_fields_cannot_be_made_is_named(said):
    class Wrong(serializers.ModelSerializer):
        class Meta:
            model = Kind
            fields = ["no_such_field"]

    [(message, hint)] = said(Kind, serializer_class=Wrong)
    assert message.startswith(
        "Made.serializer_class is Wrong, whose fields cannot be created: Field name `no_such_field`"
    )
    assert hint == "Fix the serializer; until then no row of the stream can be sent."
