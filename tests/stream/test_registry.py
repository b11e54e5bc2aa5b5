"""The registry: streams by name; a name that is taken names both places."""

from __future__ import annotations

import pytest

from realtime import ModelStream, register
from realtime.exceptions import StreamDefinitionError, UnknownStream
from realtime.streams.registry import Registry, place, registry
from realtime.streams.validation import valid_streams
from tests.models import Book
from tests.streams import BookStream
from tests.support.streams import OpenBooks, no_streams


@pytest.fixture
def own() -> Registry:
    return Registry()


def stream(name: str = "Made") -> type[ModelStream]:
    return type(name, (ModelStream,), {"model": Book, "fields": ["id"], "__module__": "app.streams"})


def test_stream_is_found_by_its_name_and_knows_it(own):
    made = stream()
    own.add("made", made)
    assert (own.get("made"), made.name, own.names(), list(own)) == (made, "made", ["made"], [made])


def test_unknown_name(own):
    with pytest.raises(UnknownStream) as unknown:
        own.get("nowhere")
    assert (unknown.value.code, unknown.value.reason) == (4212, "There is no stream 'nowhere'.")


def test_registering_can_be_undone(own):
    own.add("made", stream())
    own.remove("made")
    with pytest.raises(UnknownStream):
        own.get("made")


def test_name_that_is_taken_names_both_places_and_the_first_one_stays(own):
    first, second = stream("First"), stream("Second")
    own.add("made", first)
    own.add("made", second)

    assert own.get("made") is first
    [problem] = own.problems
    assert problem.message == "The stream 'made' is registered twice: app.streams.First and app.streams.Second."
    assert problem.hint == "Give one of them another name; until then the first one is used."


def test_module_that_is_loaded_again_takes_the_place_of_itself(own):
    first, again = stream(), stream()
    own.add("made", first)
    own.add("made", again)
    assert (own.get("made"), own.problems) == (again, [])


@pytest.mark.parametrize("thing", [Book, object(), "TaskStream", None])
def test_only_streams_are_registered(own, thing):
    with pytest.raises(StreamDefinitionError) as wrong:
        own.add("made", thing)
    assert str(wrong.value) == f"{thing!r} is not a stream. Subclass realtime.ModelStream."


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_name_has_to_fit_on_the_wire(own, name):
    with pytest.raises(StreamDefinitionError) as wrong:
        own.add(name, stream())
    assert str(wrong.value) == f"{name!r} is not a valid name for app.streams.Made. Use 1 to 200 characters."


def test_class_under_two_names_is_refused(own):
    """A stream has one name: tokens, live queries and sentences use it."""
    made = stream()
    own.add("made", made)
    with pytest.raises(StreamDefinitionError) as wrong:
        own.add("other", made)
    assert str(wrong.value) == (
        "The stream app.streams.Made is already registered as 'made'. To register it under another "
        "name, derive a class from it."
    )


def test_subclass_has_a_name_of_its_own(own):
    made = stream()
    own.add("made", made)
    own.add("other", type("Other", (made,), {}))
    assert (own.get("made").name, own.get("other").name) == ("made", "other")


def test_decorator_registers_and_gives_the_class_back():
    made = stream()
    assert register("decorated")(made) is made
    registry.remove("decorated")


class TestModel:
    """A stream of all rows of a model, without a class."""

    def test_is_registered_with_these_options(self):
        made = register("made", Book, fields=["id"], allow_anonymous=True)
        try:
            assert (registry.get("made"), made.model, made.fields, made.allow_anonymous) == (made, Book, ["id"], True)
            assert place(made) == "tests.stream.test_registry.BookStream"
            assert made.authorize is ModelStream.authorize
        finally:
            registry.remove("made")

    @pytest.mark.parametrize(
        ("model", "options", "sentence"),
        [
            (
                Book,
                {"feilds": ["id"]},
                (
                    "register('made', Book, ...) got 'feilds', which is not an option of ModelStream. Did you mean "
                    "'fields'? Actions, live values and parameters need a class."
                ),
            ),
            (
                "tests.Book",
                {},
                (
                    "register('made', ...) got 'tests.Book', which is not a model. Pass a model, or decorate a "
                    "class that subclasses realtime.ModelStream."
                ),
            ),
        ],
    )  # fmt: skip
    def test_that_cannot_be_registered_is_named(self, model, options, sentence):
        with pytest.raises(StreamDefinitionError) as wrong:
            register("made", model, **options)
        assert str(wrong.value) == sentence
        assert "made" not in registry


def test_streams_of_the_apps_are_found():
    assert registry.get("books") is BookStream
    assert place(BookStream) == "tests.streams.BookStream"


class TestUnknownStream:
    def hint(self, registry, name, settings, debug) -> tuple[str, str]:
        settings.DEBUG = debug
        with pytest.raises(UnknownStream) as unknown:
            registry.get(name)
        return unknown.value.reason, str(unknown.value)

    @pytest.mark.parametrize("debug", [True, False])
    def test_error_names_those_there_are_and_the_page_is_told_in_debug_alone(self, settings, debug):
        registry = Registry()
        for name in ("notes", "tasks"):
            registry.add(name, type(name, (ModelStream,), {"model": Book, "presence": True}))
        reason, text = self.hint(registry, "nots", settings, debug)
        said = "There is no stream 'nots'. Did you mean 'notes'? There are: notes, tasks."
        assert (reason, text) == (said if debug else "There is no stream 'nots'.", f"{said} (4212 unknown_stream)")
        said = "There is no stream 'xyz'. There are: notes, tasks. (4212 unknown_stream)"
        assert self.hint(registry, "xyz", settings, debug)[1] == said

    def test_none_is_registered(self, settings):
        assert self.hint(Registry(), "nothing", settings, True)[0] == (
            "There is no stream 'nothing'. None is registered: put streams.py into an app of INSTALLED_APPS, and use "
            "@register there."
        )

    def test_class_with_the_name_is_not_registered(self, settings):
        class Forgotten(ModelStream):
            name = "forgotten"
            model = Book

        path = f"{Forgotten.__module__}.{Forgotten.__qualname__}"
        assert self.hint(Registry(), "forgotten", settings, True)[0] == (
            f"There is no stream 'forgotten'. {path} has this name, but is not registered: write "
            '@register("forgotten") above it.'
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (OpenBooks, 'OpenBooks instead of the stream\'s name. Write @register("a-name") above the class.'),
        (Book, 'tests.models.Book instead of the stream\'s name. Write register("a-name", Book).'),
        (7, 'got 7 instead of the stream\'s name. Write @register("a-name") above the class.'),
    ],
)
def test_register_without_a_name(given, said):
    with pytest.raises(StreamDefinitionError) as refused:
        register(given)
    assert str(refused.value).endswith(said)


def test_stream_is_validated_until_it_is_right(monkeypatch):
    class Made(ModelStream):
        model = Book
        paginate_by = 0

    with no_streams():
        registry.add("made", Made)
        assert valid_streams() == []
        Made.paginate_by = 10
        assert valid_streams() == [Made]
        monkeypatch.setattr("realtime.streams.validation.problems", lambda stream: 1 / 0)
        assert valid_streams() == [Made]
