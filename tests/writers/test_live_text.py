"""Live texts: readers see them grow, and what is saved is a prefix of what was written."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError, transaction
from rest_framework import serializers

import realtime
from realtime.actions import text_leases
from realtime.actions.text_leases import RENEW_SECONDS, fail_expired, target_of
from realtime.exceptions import LiveTextError, TextBusy, TextLost
from realtime.hub.hub import get_hub
from realtime.models import TextLease
from realtime.streams.registry import register, registry
from realtime.writers.draft import Draft
from realtime.writers.stop_listener import StopListener, get_stop_listener
from tests.models import Answer, Book
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until

WITHHELD_SECONDS = 1000.0


@pytest.fixture
def answer(shelf, elsewhere) -> Answer:
    return elsewhere(Answer.objects.create, shelf=shelf, secret="not shown")


@pytest.fixture
async def reader(shelf, answer):
    async with WireClient() as client:
        await client.subscribe("answers", shelf=shelf.pk)
        yield client


def shown(client: WireClient, field: str = "text") -> str:
    return client.protocol.subscriptions[1].shown[0][field]


async def until_stored(elsewhere, answer: Answer, *values: str) -> None:
    """Wait for the text, and the state if it is given too, in the database."""
    async with asyncio.timeout(seconds(10)):
        while await stored(elsewhere, answer, *("text", "state")[: len(values)]) != values:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def stored(elsewhere, answer: Answer, *fields: str):
    return await elsewhere.soon(Answer.objects.values_list(*fields or ("text", "state")).get, pk=answer.pk)


class TestAsync:
    async def test_a_reader_sees_the_words_before_they_are_saved(self, reader, answer, elsewhere):
        async with realtime.live_text(answer, "text", save_seconds=60) as out:
            await until(lambda: any(frame["deltas"] for frame in reader.protocol.frames[1:]))
            await out.write("Once ")
            await until(lambda: shown(reader) == "Once ")
            await out.write("upon 😀 a ")
            await out.write("time")
            await until(lambda: shown(reader) == "Once upon 😀 a time")
            assert reader.rows()[0]["text"] in ("", "Once ")
        assert answer.text == "Once upon 😀 a time"
        await until(lambda: reader.rows()[0]["text"] == "Once upon 😀 a time")
        assert await stored(elsewhere, answer) == ("Once upon 😀 a time", "")

    async def test_the_state_is_kept_in_a_field(self, answer, elsewhere):
        async with realtime.live_text(answer, "text", state_field="state") as out:
            assert await stored(elsewhere, answer) == ("", "streaming")
            await out.write("whole")
        assert await stored(elsewhere, answer) == ("whole", "complete")

    async def test_a_block_that_raises_has_failed_with_what_it_wrote(self, answer, elsewhere):
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with realtime.live_text(answer, "text", state_field="state") as out:
                await out.write("half")
                1 / 0  # noqa: B018
        assert await stored(elsewhere, answer) == ("half", "failed")

    async def test_a_cancelled_task_leaves_what_it_wrote(self, answer, elsewhere):
        async def work():
            async with realtime.live_text(answer, "text", state_field="state") as out:
                await out.write("half")
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await until_stored(elsewhere, answer, "half", "streaming")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await stored(elsewhere, answer) == ("half", "cancelled")

    async def test_it_continues_the_text_of_the_field(self, shelf, elsewhere):
        answer = await elsewhere.soon(Answer.objects.create, shelf=shelf, text="Once ")
        async with realtime.live_text(answer, "text") as out:
            await out.write("upon")
            assert out.text == "Once upon"
        assert await stored(elsewhere, answer, "text") == ("Once upon",)

    async def test_stop_ends_a_block_that_waits(self, reader, answer, elsewhere):
        reached = []
        async with realtime.live_text(answer, "text", state_field="state") as out:
            await out.write("half")
            reader.say(
                [
                    reader.protocol.text(
                        type="call",
                        id="stop",
                        stream="answers",
                        params={"shelf": answer.shelf_id},
                        action="stop",
                        args={"pk": answer.pk},
                    )
                ]
            )
            await asyncio.Event().wait()
            reached.append(True)
        assert (out.stopped, reached) == (True, [])
        assert await stored(elsewhere, answer) == ("half", "cancelled")
        await until(lambda: reader.protocol.replies)
        assert reader.protocol.replies["stop"]["result"] is True

    async def test_stop_that_comes_before_the_writer_listens(self, answer, elsewhere, monkeypatch):
        begin = Draft.begin

        def stopped_at_once(draft):
            begin(draft)
            TextLease.objects.update(stop=True)  # as another process does, whose message finds no writer here

        monkeypatch.setattr(Draft, "begin", stopped_at_once)
        async with asyncio.timeout(RENEW_SECONDS * 0.9):  # a renewal of the lease would find it too
            async with realtime.live_text(answer, "text", state_field="state", save_seconds=60) as out:
                await asyncio.Event().wait()
        assert out.stopped

    async def test_stop_ends_the_iterator(self, answer, elsewhere):
        closed = []

        async def tokens():
            try:
                while True:
                    yield "token "
                    await realtime.astop_text(answer, "text")
            finally:
                closed.append(True)

        async with realtime.live_text(answer, "text", state_field="state") as out:
            await out.write_from(tokens())
        assert closed == [True]
        text, state = await stored(elsewhere, answer)
        assert (text, state) == (len(text.split()) * "token ", "cancelled")

    async def test_a_database_that_does_not_answer_is_tried_again(self, answer, elsewhere, monkeypatch, caplog):
        original, failures = text_leases.save, [OperationalError("gone"), OperationalError("gone")]

        def save(*args, **kwargs):
            if failures:
                raise failures.pop()
            return original(*args, **kwargs)

        monkeypatch.setattr(text_leases, "save", save)
        async with realtime.live_text(answer, "text", save_seconds=0.01) as out:
            await out.write("a")
            await until(lambda: len(failures) == 1)
            await out.write("b")
            await until(lambda: not failures)
        assert await stored(elsewhere, answer, "text") == ("ab",)
        assert "could not be saved; trying again" in caplog.text


@pytest.fixture
def withheld(monkeypatch):
    """Rows are withheld for longer than these tests take."""
    monkeypatch.setattr("realtime.queries.sent.WITHHELD_SECONDS", WITHHELD_SECONDS)


class TestReaders:
    async def test_a_field_that_is_not_shown_is_not_sent(self, reader, answer):
        async with realtime.live_text(answer, "secret", save_seconds=0.01) as out:
            await out.write("nobody's business")
        async with realtime.live_text(answer, "text", save_seconds=60) as out:
            await out.write("everybody's")
            await until(lambda: shown(reader) == "everybody's")
        assert "nobody's business" not in str(reader.received)

    async def test_a_text_that_a_serializer_makes_of_the_field_is_not_replaced_by_it(self, answer, elsewhere):
        class Masked(serializers.ModelSerializer):
            text = serializers.SerializerMethodField()

            class Meta:
                model = Answer
                fields = ["id", "text", "state"]

            def get_text(self, answer):
                return "***"

        register("masked", Answer, serializer_class=Masked, authorize=lambda stream, user: True, allow_anonymous=True)
        try:
            async with WireClient() as away:
                await away.subscribe("masked")
                async with realtime.live_text(answer, "state", save_seconds=60) as out:
                    await out.write("shown")
                    await until(lambda: shown(away, "state") == "shown")
                async with realtime.live_text(answer, "text", save_seconds=0.01) as out:
                    await out.write("nobody's business")
                    await until_stored(elsewhere, answer, "nobody's business")
                    await out.write(", really")
                async with realtime.live_text(answer, "state", save_seconds=60) as out:
                    await out.write("?!")
                    await until(lambda: shown(away, "state") == "shown?!")
            assert "business" not in str(away.received)
        finally:
            registry.remove("masked")

    async def test_a_reader_of_html_gets_it_where_the_row_shows_it(self, answer, shelf):
        async with WireClient() as page:
            await page.subscribe("answers", format="html", shelf=shelf.pk)
            async with realtime.live_text(answer, "text", save_seconds=60) as out:
                await out.write("a < b")
                await until(lambda: "a < b" in str(page.received))
            async with realtime.live_text(answer, "secret", save_seconds=0.01) as out:
                await out.write("nobody's business")
            await until(lambda: '<p data-live-text="text">a &lt; b</p>' in page.rows()[0])
        assert "nobody's business" not in str(page.received)

    async def test_a_client_of_version_1_gets_what_is_saved(self, answer, shelf):
        async with WireClientOfVersion1() as old:
            await old.subscribe("answers", shelf=shelf.pk)
            async with realtime.live_text(answer, "text", save_seconds=0.01) as out:
                for word in ("one ", "two ", "three"):
                    await out.write(word)
                    await until(lambda: old.rows()[0]["text"] == out.text)
        assert not [message for message in old.received if isinstance(message, list) or message["type"] == "text"]

    async def test_who_comes_later_gets_what_is_not_saved(self, reader, answer, shelf):
        async with realtime.live_text(answer, "text", save_seconds=60) as out:
            await out.write("Once ")
            await until(lambda: shown(reader) == "Once ")
            async with WireClient() as second:
                await second.subscribe("answers", shelf=shelf.pk)
                await out.write("upon")
                await until(lambda: shown(second) == "Once upon")
        assert shown(reader) == "Once upon"

    async def test_what_was_sent_is_not_sent_again_when_it_is_saved(self, reader, answer, elsewhere):
        words = [f"{number:03}" + "x" * 97 for number in range(40)]
        async with realtime.live_text(answer, "text", state_field="state", save_seconds=0.02) as out:
            await out.write("_")
            await until(lambda: reader.protocol.texts)  # before, the text comes as it is saved
            for word in words:
                await out.write(word)
                await until(lambda: shown(reader) == out.text)
                await until_stored(elsewhere, answer, out.text)
        await until(lambda: reader.rows()[0] == {"id": answer.pk, "text": f"_{''.join(words)}", "state": "complete"})
        assert [str(reader.received).count(word) for word in words] == [1] * len(words)

    async def test_a_row_that_was_withheld_is_sent_when_the_writer_pauses(self, reader, answer, monkeypatch):
        monkeypatch.setattr("realtime.queries.sent.WITHHELD_SECONDS", 0.3)
        async with realtime.live_text(answer, "text", save_seconds=0.02) as out:
            await out.write("one ")
            await until(lambda: shown(reader) == "one ")
            await out.write("two")
            await until(lambda: reader.rows()[0]["text"] == "one two")

    async def test_another_field_is_sent_at_once(self, reader, answer, elsewhere, withheld):
        async with realtime.live_text(answer, "text", save_seconds=0.02) as out:
            await out.write("one ")
            await until(lambda: shown(reader) == "one ")
            await out.write("two")
            await until_stored(elsewhere, answer, "one two")
            await elsewhere.soon(Answer.objects.update, state="liked")
            await until(lambda: reader.rows()[0] == {"id": answer.pk, "text": "one two", "state": "liked"})

    async def test_a_part_that_was_lost_comes_when_it_is_saved(self, reader, answer, withheld, monkeypatch):
        async with realtime.live_text(answer, "text", save_seconds=0.02) as out:
            await out.write("one ")
            await until(lambda: shown(reader) == "one ")
            monkeypatch.setattr(Draft, "_publish", lambda draft, chunk: None)
            await out.write("two")
            await until(lambda: reader.rows()[0]["text"] == "one two")

    async def test_who_reconnects_to_another_server_gets_what_was_withheld(
        self, reader, answer, shelf, elsewhere, withheld
    ):
        async with realtime.live_text(answer, "text", save_seconds=0.02) as out:
            await out.write("one ")
            await until(lambda: shown(reader) == "one ")
            await until_stored(elsewhere, answer, "one ")
            await out.write("two")
            await until_stored(elsewhere, answer, "one two")
            await until(lambda: shown(reader) == "one two")
            await elsewhere.soon(Answer.objects.create, shelf=shelf)  # which moves the client's position
            await until(lambda: len(reader.rows()) == 2)
            assert reader.rows()[0]["text"] != "one two"
            await get_hub().close()
            async with WireClient(protocol=reader.protocol) as again:
                await until(lambda: again.rows()[0]["text"] == "one two")

    async def test_nobody_else_gets_it(self, reader, answer, elsewhere):
        other = await elsewhere.soon(type(answer.shelf).objects.create, name="two")
        async with WireClient() as away:
            await away.subscribe("answers", shelf=other.pk)
            async with realtime.live_text(answer, "text", save_seconds=60) as out:
                await out.write("here")
                await until(lambda: shown(reader) == "here")
        assert "here" not in str(away.received)

    async def test_a_row_that_leaves_takes_its_text_along(self, reader, answer, elsewhere, shelf):
        other = await elsewhere.soon(type(answer.shelf).objects.create, name="two")
        async with realtime.live_text(answer, "text", save_seconds=60) as out:
            await out.write("here")
            await until(lambda: shown(reader) == "here")
            await elsewhere.soon(Answer.objects.filter(pk=answer.pk).update, shelf=other)
            await until(lambda: reader.rows() == [])
            await out.write("gone")
            await until(lambda: out.text == "heregone")
        assert "gone" not in str(reader.received)

    async def test_a_row_that_returns_has_its_text_again(self, reader, answer, elsewhere, shelf, withheld):
        other = await elsewhere.soon(type(answer.shelf).objects.create, name="two")
        row = Answer.objects.filter(pk=answer.pk)
        async with realtime.live_text(answer, "text", save_seconds=60) as out:
            await out.write("saved")
            await until(lambda: shown(reader) == "saved")
            await until_stored(elsewhere, answer, "saved")
            await out.write(", not saved")
            await until(lambda: shown(reader) == "saved, not saved")
            await elsewhere.soon(row.update, shelf=other)
            await until(lambda: reader.rows() == [])
            await elsewhere.soon(row.update, shelf=shelf)
            await until(lambda: reader.rows() and shown(reader) == "saved, not saved")
            await out.write(", and more")
            await until(lambda: shown(reader) == "saved, not saved, and more")
        await until(lambda: reader.rows()[0]["text"] == "saved, not saved, and more")

    async def test_a_text_that_is_edited_by_hand_is_what_the_writer_saves_next(
        self, reader, answer, elsewhere, monkeypatch
    ):
        monkeypatch.setattr("realtime.queries.sent.WITHHELD_SECONDS", 0.0)  # so that clients drop what is saved
        async with realtime.live_text(answer, "text", save_seconds=0.02) as out:
            for word in ("one ", "two "):
                await out.write(word)
                await until(lambda: reader.rows()[0]["text"] == out.text)
            await elsewhere.soon(Answer.objects.update, text="on")
            await until(lambda: reader.rows()[0]["text"] == "on")
            await out.write("three")
            await until(lambda: reader.rows()[0]["text"] == "one two three")

    async def test_a_text_that_a_row_has_cut_is_not_sent(self, answer, shelf, monkeypatch, tmp_path, settings):
        (tmp_path / "cut.html").write_text(
            '<li>{% load realtime %}{% filter truncatechars:40 %}{% live_text answer "text" %}{% endfilter %}'
            '<p data-live-text="secret"></p></li>'
        )
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
        monkeypatch.setattr(registry.get("answers"), "template_name", "cut.html")
        async with WireClient() as page:
            await page.subscribe("answers", format="html", shelf=shelf.pk)
            async with realtime.live_text(answer, "secret", save_seconds=0.01) as out:
                await out.write("nobody's business")
            async with realtime.live_text(answer, "text", state_field="state", save_seconds=0.02) as out:
                await out.write("a text of more than forty characters")
                await out.write(", nobody's business")
            await until(lambda: "…" in page.rows()[0])
        assert "business" not in str(page.received)

    async def test_a_client_cannot_write(self, reader, answer):
        name = ["default", "tests.answer", str(answer.pk), "text"]
        reader.connection.receive(
            reader.protocol.text(type="text", name=name, writer="w", offset=0, text="!", saved=0)
        )
        assert (reader.closed or [None])[0] == 4200

    async def test_a_dead_writer_is_found_and_its_text_cut_to_what_is_saved(self, reader, answer, elsewhere, caplog):
        text = realtime.live_text(answer, "text", state_field="state", save_seconds=60)
        out = await text.__aenter__()
        await out.write("saved")
        await until(lambda: shown(reader) == "saved")
        await until_stored(elsewhere, answer, "saved")
        await out.write(" and not saved")
        await until(lambda: shown(reader) == "saved and not saved")
        await elsewhere.soon(TextLease.objects.update, expires=0)
        get_hub()._background.dead_writers._due["default"] = 0.0
        get_hub()._background.dead_writers._news.set()
        await until(lambda: shown(reader) == "saved" and reader.rows()[0]["state"] == "failed")
        assert "is dead; its live text is marked as failed" in caplog.text
        await out.write("more")
        with pytest.raises(TextLost):
            await text.__aexit__(None, None, None)


class WireClientOfVersion1(WireClient):
    def __init__(self) -> None:
        super().__init__()
        self.protocol.version = 1


@pytest.mark.databases
class TestSync:
    def test_saves_now_and_then_and_at_the_end(self, answer, committed):
        with realtime.live_text(answer, "text", state_field="state", save_seconds=0) as out:
            out.write("a")
            assert Answer.objects.values_list("text", "state").get() == ("a", "streaming")
        with realtime.live_text(answer, "text", save_seconds=60) as out:
            out.write("b")
            assert Answer.objects.get().text == "a"
            out.save()
            assert Answer.objects.get().text == "ab"
            out.write_from(["c", "", "d"])
        assert Answer.objects.values_list("text", "state").get() == ("abcd", "complete")
        assert (answer.text, TextLease.objects.count()) == ("abcd", 0)

    def test_stop_is_raised_by_write_and_handled_by_the_block(self, answer, committed):
        with realtime.live_text(answer, "text", state_field="state") as out:
            out.write("half")
            assert realtime.stop_text(answer, "text") is True
            assert out.stopped
            out.write("not this")
            raise AssertionError("not reached")
        assert Answer.objects.values_list("text", "state").get() == ("half", "cancelled")
        assert realtime.stop_text(answer, "text") is False

    def test_stop_is_seen_at_the_next_save_where_nothing_carries_it(self, answer, committed):
        with realtime.live_text(answer, "text", state_field="state", save_seconds=0) as out:
            TextLease.objects.update(stop=True)  # as another process does
            out.write("half")
            raise AssertionError("not reached")
        assert Answer.objects.values_list("text", "state").get() == ("half", "cancelled")

    def test_stop_that_comes_before_the_writer_listens(self, answer, committed, monkeypatch):
        add = StopListener.add

        def stopped_before(listener, *args, **options):
            TextLease.objects.update(stop=True)  # as another process does, whose message finds no writer here
            add(listener, *args, **options)

        monkeypatch.setattr(StopListener, "add", stopped_before)
        with realtime.live_text(answer, "text", save_seconds=60) as out:
            out.write("not this")
            raise AssertionError("not reached")
        assert (out.stopped, out.text) == (True, "")

    def test_stop_that_comes_while_the_writer_saves(self, answer, committed, monkeypatch):
        save = Draft.save

        def stopped_meanwhile(draft):
            get_stop_listener().stop(draft.writer)  # a message, while the database does not answer
            return save(draft)

        monkeypatch.setattr(Draft, "save", stopped_meanwhile)
        with realtime.live_text(answer, "text", save_seconds=0) as out:
            out.write("half")
            raise AssertionError("not reached")
        assert out.stopped

    def test_a_second_writer_is_refused(self, answer, committed):
        with realtime.live_text(answer, "text") as out:
            out.write("mine")
            with (
                pytest.raises(
                    TextBusy,
                    match=r"^The field 'text' of the Answer \d+ is being written by another writer\. Wait for its "
                    r"end, or stop it with realtime\.stop_text\(\)\.$",
                ),
                realtime.live_text(Answer.objects.get(), "text"),
            ):
                pass
            with realtime.live_text(answer, "secret") as other:
                other.write("another field")
        assert Answer.objects.values_list("text", "secret").get() == ("mine", "not shownanother field")

    def test_the_next_writer_may_begin_when_the_first_is_dead(self, answer, committed):
        first = realtime.live_text(answer, "text", save_seconds=0)
        out = first.__enter__()
        out.write("one")
        TextLease.objects.update(expires=0)
        with realtime.live_text(answer, "text", state_field="state") as second:
            assert second.text == "one"
            with pytest.raises(TextLost):
                out.write(", not two")
            second.write(", two")
        first.__exit__(TextLost, TextLost("lost"), None)
        assert Answer.objects.values_list("text", "state").get() == ("one, two", "complete")

    def test_dead_writers_are_marked_once(self, answer, committed):
        Draft(target_of(answer, "text", "state")).begin()
        assert fail_expired("default")[0] == []
        TextLease.objects.update(expires=0)
        [[expired], left] = fail_expired("default")
        assert (expired.target.name[1:], expired.length, left) == (("tests.answer", str(answer.pk), "text"), 0, None)
        assert (Answer.objects.get().state, fail_expired("default")) == ("failed", ([], None))

    @pytest.mark.parametrize("removed", [{"model": "tests.removed"}, {"field": "removed"}, {"state_field": "removed"}])
    def test_a_dead_writer_of_what_the_project_has_removed_hides_no_others(self, answer, committed, removed):
        Draft(target_of(answer, "text", "state")).begin()
        TextLease.objects.update(expires=0, **removed)
        assert (fail_expired("default"), TextLease.objects.count()) == (([], None), 0)

    def test_a_deleted_row_ends_it(self, answer, committed):
        with pytest.raises(TextLost), realtime.live_text(answer, "text", save_seconds=0) as out:  # noqa: PT012
            Answer.objects.all().delete()
            out.write("to nobody")

    def test_it_needs_the_row_and_no_transaction(self, answer, committed):
        with (
            pytest.raises(LiveTextError, match="A live text cannot be written in a transaction"),
            transaction.atomic(),
            realtime.live_text(answer, "text"),
        ):
            pass
        with pytest.raises(LiveTextError, match=r"^A live text needs a row: save the Answer first\.$"):
            realtime.live_text(Answer(), "text")
        Answer.objects.all().delete()
        with pytest.raises(TextLost, match="There is no Answer"), realtime.live_text(answer, "text"):
            pass
        assert TextLease.objects.count() == 0

    def test_what_cannot_hold_it_is_refused_before(self, answer, committed):
        with pytest.raises(
            LiveTextError, match=r"has no text field 'pages'\. Its text fields: text, secret, state\.$"
        ):
            realtime.live_text(answer, "pages")
        book = Book(pk=1, title="")
        book._state.adding = False
        with pytest.raises(LiveTextError, match="Book has no text field 'state'"):
            realtime.live_text(book, "title", state_field="state")

    def test_what_the_field_cannot_hold_is_refused(self, answer, committed):
        with realtime.live_text(answer, "state") as out:
            for chunk in ("\x00", "\ud800"):
                with pytest.raises(LiveTextError):
                    out.write(chunk)
            with pytest.raises(TypeError):
                out.write(None)
            with pytest.raises(LiveTextError, match="takes up to 9 characters"):
                out.write("ten letters")
            out.write("nine here")
        assert Answer.objects.get().state == "nine here"
