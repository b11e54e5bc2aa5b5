"""Jobs: their user sees the progress, whatever the worker does, and the worker never suffers from it."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

import realtime
from realtime.actions import job_rows, text_leases
from realtime.actions.text_leases import fail_expired
from realtime.auth.identity import Identity
from realtime.models import Change, Job, JobState, TextLease
from realtime.writers import job_saver
from realtime.writers.job_run import cancel_job
from tests.models import Book, Shelf
from tests.support.waiting import seconds, wait_until
from tests.support.wire import WireClient, until

User = get_user_model()


@pytest.fixture
def quick(monkeypatch) -> None:
    """Savers that save and look often."""
    monkeypatch.setattr(job_saver, "SAVE_SECONDS", 0.01)
    monkeypatch.setattr(job_saver, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(job_saver, "RENEW_SECONDS", 0.02)


@pytest.fixture
def ada(elsewhere):
    return elsewhere(User.objects.create, username="ada")


def stored(elsewhere, *fields: str):
    """The fields of the only job, as another connection sees them."""
    return elsewhere(Job.objects.values_list(*fields).first)


class TestProgress:
    def test_it_is_saved_while_the_job_runs(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import", total=4) as job:
            assert stored(elsewhere, "pk", "user", "name", "state", "total") == (
                job.pk,
                ada.pk,
                "Import",
                "running",
                4,
            )
            job.advance()
            job.advance(2)
            wait_until(lambda: stored(elsewhere, "done", "seconds_left") == (3, 0), what="the progress")
            job.result = "Four lines."
            job.result_url = "/lines/"
            job.advance()
        assert (job.done, job.total) == (4, 4)
        assert stored(elsewhere, "state", "done", "result", "result_url") == ("complete", 4, "Four lines.", "/lines/")
        assert elsewhere(TextLease.objects.count) == 0

    def test_a_failure_tells_the_user_only_what_is_meant_for_users(self, ada, elsewhere):
        for error, sentence in [
            (ZeroDivisionError("secret"), ""),
            (realtime.ActionError("The file is empty."), "The file is empty."),
            (ValidationError(["One.", "Two."]), "One. Two."),
        ]:
            with pytest.raises(type(error)), realtime.job(ada, "Import"):
                raise error
            assert stored(elsewhere, "state", "error") == ("failed", sentence)
            elsewhere(Job.objects.all().delete)

    def test_an_exit_of_the_process_cancels_it(self, ada, elsewhere):
        with pytest.raises(SystemExit), realtime.job(ada, "Import"):
            raise SystemExit
        assert stored(elsewhere, "state") == ("cancelled",)

    def test_the_writes_are_bounded(self, ada, elsewhere):
        began = time.monotonic()
        with realtime.job(ada, "Import", total=100_000) as job:
            for _ in range(100_000):
                job.advance()
        most = 3 + (time.monotonic() - began) / job_saver.SAVE_SECONDS  # its beginning, its end, and the first save
        assert elsewhere(Change.objects.filter(model="realtime.job").count) <= most
        assert stored(elsewhere, "done") == (100_000,)

    def test_the_worker_itself_asks_the_database_for_nothing(self, ada, committed):
        with CaptureQueriesContext(connection) as queries, realtime.job(ada, "Import", total=9) as job:
            job.advance()
        assert queries.captured_queries == []

    def test_numbers_and_texts_that_no_database_holds_are_made_to_fit(self, ada, elsewhere):
        with realtime.job(ada, "Im\x00port" + "x" * 300, total=10**30) as job:
            job.done = -7
            job.result = "a\x00b\ud800"
            job.advance(10**40)
        assert stored(elsewhere, "done", "total", "result") == (2**63 - 1, 2**63 - 1, "ab?")

    def test_it_is_for_users_and_links_are_checked(self, ada, elsewhere):
        with pytest.raises(realtime.JobError, match="belongs to a user"):
            realtime.job(AnonymousUser(), "Import")
        with realtime.job(ada.pk, "Import") as job:
            for url in ("javascript:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)", "data:text/html,x"):
                with pytest.raises(realtime.JobError, match="cannot be a link"):
                    job.result_url = url
            for url in ("", "/a/?b=c:d", "https://example.org/a", "a/b", "?page=2"):
                job.result_url = url
            with pytest.raises(TypeError):
                job.done = "many"

    def test_five_jobs_run_at_once(self, ada, elsewhere, quick):
        barrier = threading.Barrier(5)

        def work(number: int) -> None:
            with realtime.job(ada, f"Job {number}", total=5) as job:
                barrier.wait(seconds(20))
                for _ in range(number):
                    job.advance()

        threads = [threading.Thread(target=work, args=[number]) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = elsewhere(lambda: list(Job.objects.order_by("name").values_list("name", "done", "state")))
        assert rows == [(f"Job {number}", number, "complete") for number in range(5)]

    async def test_the_async_twin(self, ada, elsewhere):
        async with realtime.job(ada, "Import", total=2) as job:
            job.advance()
            assert (await elsewhere.soon(Job.objects.get)).state == "running"
        with pytest.raises(ZeroDivisionError):
            async with realtime.run_job(job.pk):
                1 / 0  # noqa: B018
        assert (await elsewhere.soon(Job.objects.get)).state == "failed"

    async def test_a_cancelled_task_leaves_no_job_running(self, ada, elsewhere):
        async def work():
            async with realtime.job(ada, "Import"):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        async with asyncio.timeout(seconds(10)):
            while not await elsewhere.soon(Job.objects.exists):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(seconds(10)):
            while (await elsewhere.soon(Job.objects.get)).state != "cancelled":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await elsewhere.soon(TextLease.objects.count) == 0


class TestTransactions:
    def test_progress_is_seen_during_a_transaction_of_the_worker(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import", total=2) as job, transaction.atomic():
            job.advance()
            if connection.vendor != "sqlite":
                Shelf.objects.create(name="written")
                wait_until(lambda: stored(elsewhere, "done") == (1,), what="progress in the transaction")
        assert stored(elsewhere, "state", "done") == ("complete", 1)

    def test_a_long_transaction_on_sqlite_only_delays_it(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import", total=2) as job:
            with transaction.atomic():
                Shelf.objects.create(name="written")
                job.advance()
            wait_until(lambda: stored(elsewhere, "done") == (1,), what="progress after the transaction")

    def test_a_whole_job_in_a_transaction(self, ada, elsewhere):
        with transaction.atomic():
            Shelf.objects.create(name="written")
            with realtime.job(ada, "Import", total=2) as job:
                job.advance()
        assert stored(elsewhere, "state", "done") == ("complete", 1)

    def test_the_workers_transaction_survives_errors_of_the_progress(self, ada, elsewhere, quick, monkeypatch, caplog):
        def fail(*args, **kwargs):
            raise OperationalError("gone away")

        with transaction.atomic():
            Shelf.objects.create(name="written")
            with realtime.job(ada, "Import", total=2) as job:
                with monkeypatch.context() as patch:
                    patch.setattr(text_leases, "save_values", fail)
                    wait_until(lambda: job.advance() or "could not be saved" in caplog.text, what="the warning")
                job.done = 0
                job.advance()
            Shelf.objects.create(name="written too")
        assert elsewhere(Shelf.objects.count) == 2
        assert stored(elsewhere, "state", "done") == ("complete", 1)
        assert caplog.text.count("could not be saved") == 1

    def test_a_rollback_of_the_worker(self, ada, elsewhere):
        def work() -> None:
            with realtime.job(ada, "Import"), transaction.atomic():
                Shelf.objects.create(name="one")
                Book.objects.create(shelf=None)

        with pytest.raises(IntegrityError):
            work()
        assert elsewhere(Shelf.objects.count) == 0
        assert stored(elsewhere, "state") == ("failed",)

    def test_a_job_begins_although_the_database_does_not_answer(self, ada, elsewhere, quick, monkeypatch, caplog):
        monkeypatch.setattr(job_saver, "BEGIN_SECONDS", 0.1)
        answers = threading.Event()
        begin = job_rows.begin

        def late(*args, **kwargs):
            if not answers.is_set():
                raise OperationalError("no answer")
            return begin(*args, **kwargs)

        monkeypatch.setattr(job_rows, "begin", late)
        with realtime.job(ada, "Import", total=2) as job:
            job.advance()
            assert elsewhere(Job.objects.count) == 0
            answers.set()
            wait_until(lambda: stored(elsewhere, "done") == (1,), what="the row")
        assert stored(elsewhere, "state") == ("complete",)
        assert "could not be saved" in caplog.text

    def test_without_its_table_it_says_what_to_do(self, ada, monkeypatch):
        run = realtime.job(ada, "Import")
        with monkeypatch.context() as patch:
            patch.setattr(Job._meta, "db_table", "realtime_job_that_is_not_there")
            with pytest.raises(realtime.JobError, match="Run `manage.py migrate realtime`"):
                run.__enter__()


class TestTestCase(TestCase):
    """Of a project: the job is a row of the test's own transaction, and no thread remains."""

    def test_a_job_in_a_test_of_the_project(self):
        ada = User.objects.create(username="ada")
        with realtime.job(ada, "Import", total=1) as job:
            job.advance()
            assert Job.objects.get().state == "running"
        assert Job.objects.values_list("state", "done").get() == ("complete", 1)
        assert not [thread for thread in threading.enumerate() if "realtime job" in thread.name]

    def test_a_cancelled_job_in_a_test_of_the_project(self):
        job = realtime.queue_job(User.objects.create(username="ada"), "Import")
        realtime.cancel_job(job)
        with realtime.run_job(job) as run:
            run.advance()
            pytest.fail("advance() raises")
        assert Job.objects.get().state == "cancelled"

    async def test_an_async_job_in_a_test_of_the_project(self):
        ada = await sync_to_async(User.objects.create)(username="ada")
        async with realtime.job(ada, "Import", total=1) as job:
            job.advance()
        assert await Job.objects.values_list("state", "done").aget() == ("complete", 1)


class TestQueue:
    def test_a_queued_job_is_run_by_its_worker(self, ada, elsewhere):
        queued = realtime.queue_job(ada, "Import", total=3)
        assert stored(elsewhere, "pk", "state", "started_at") == (queued.pk, "queued", None)
        with realtime.run_job(str(queued.pk)) as job:
            assert stored(elsewhere, "state", "total") == ("running", 3)
            job.advance(3)
        assert stored(elsewhere, "state", "done", "total") == ("complete", 3, 3)

    def test_it_belongs_to_the_transaction_that_queues_it(self, ada, elsewhere):
        with transaction.atomic():
            realtime.queue_job(ada, "Import")
            transaction.set_rollback(True)
        assert elsewhere(Job.objects.count) == 0

    async def test_the_async_twin(self, ada, elsewhere):
        queued = await realtime.aqueue_job(ada, "Import")
        await realtime.acancel_job(queued)
        assert (await elsewhere.soon(Job.objects.get)).state == "cancelled"

    def test_one_worker_runs_it(self, ada, elsewhere):
        queued = realtime.queue_job(ada, "Import")
        with realtime.run_job(queued), pytest.raises(realtime.JobBusy, match="by another worker"):
            realtime.run_job(queued).__enter__()

    def test_it_can_be_run_again(self, ada, elsewhere):
        queued = realtime.queue_job(ada, "Import")
        with pytest.raises(realtime.ActionError), realtime.run_job(queued, total=2):
            raise realtime.ActionError("No.")
        with realtime.run_job(queued, total=3):
            assert stored(elsewhere, "state", "done", "error", "total") == ("running", 0, "", 3)

    def test_what_is_no_job_is_refused(self, committed):
        with pytest.raises(realtime.JobError, match="There is no job"):
            realtime.run_job(uuid4()).__enter__()
        with pytest.raises(realtime.JobError, match="is not a job"):
            realtime.run_job("7")
        with pytest.raises(ObjectDoesNotExist):
            realtime.cancel_job(uuid4())


class TestCancellation:
    def test_advance_raises_and_the_block_handles_it(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import", total=9) as job:
            elsewhere(realtime.cancel_job, job.pk)
            wait_until(lambda: job.cancelled, what="the cancellation")
            assert stored(elsewhere, "cancel_requested", "state") == (True, "running")
            job.advance()
            pytest.fail("advance() raises")
        assert stored(elsewhere, "state") == ("cancelled",)

    def test_a_job_that_never_looks_is_complete(self, ada, elsewhere):
        with realtime.job(ada, "Import") as job:
            elsewhere(realtime.cancel_job, job.pk)
        assert stored(elsewhere, "state") == ("complete",)

    def test_another_process_is_seen_where_nothing_carries_it(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import") as job:
            elsewhere(TextLease.objects.update, stop=True)
            wait_until(lambda: job.cancelled, what="the cancellation")

    def test_a_queued_job_never_begins(self, ada, elsewhere):
        queued = realtime.queue_job(ada, "Import")
        realtime.cancel_job(queued)
        assert stored(elsewhere, "state") == ("cancelled",)
        with realtime.run_job(queued) as job:
            assert job.cancelled
            job.advance()
            pytest.fail("advance() raises")
        assert stored(elsewhere, "state", "done") == ("cancelled", 0)
        assert elsewhere(TextLease.objects.count) == 0


class TestLease:
    def test_a_dead_worker_is_found(self, ada, elsewhere):
        run = realtime.job(ada, "Import", total=2)
        run.__enter__().advance()
        run._saver._closed.set()  # as if its process had been killed
        elsewhere(TextLease.objects.update, expires=0)
        assert [expired.target.name.model for expired in elsewhere(fail_expired, "default")[0]] == ["realtime.job"]
        assert stored(elsewhere, "state", "worker_died") == ("failed", True)
        assert stored(elsewhere, "ended_at")[0] is not None

    def test_a_worker_that_was_suspended_takes_its_job_back(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import", total=2) as job:
            elsewhere(TextLease.objects.update, expires=0)
            elsewhere(fail_expired, "default")
            job.advance()
            wait_until(lambda: stored(elsewhere, "state", "done") == ("running", 1), what="the job back")
        assert stored(elsewhere, "state", "worker_died") == ("complete", False)

    def test_a_job_that_is_gone_does_not_disturb_its_worker(self, ada, elsewhere, quick, caplog):
        with realtime.job(ada, "Import", total=2) as job:
            elsewhere(Job.objects.all().delete)
            job.advance()
            wait_until(lambda: "goes on without its row" in caplog.text, what="the warning")
            job.advance()
        assert elsewhere(Job.objects.count) == 0
        assert elsewhere(TextLease.objects.count) == 0

    def test_a_cancelled_job_that_had_lost_it_ends_as_cancelled(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import") as job:
            elsewhere(lambda: cancel_job(job.pk))
            wait_until(lambda: job.cancelled, what="the cancellation")
            elsewhere(TextLease.objects.all().delete)  # as when it has expired
            job.advance()
        assert stored(elsewhere, "state") == (JobState.CANCELLED,)
        assert elsewhere(TextLease.objects.count) == 0

    def test_it_is_renewed_while_the_worker_says_nothing(self, ada, elsewhere, quick):
        with realtime.job(ada, "Import"):
            elsewhere(TextLease.objects.update, expires=1)
            wait_until(lambda: elsewhere(TextLease.objects.get).expires > 1, what="a renewal")


class TestPruning:
    def test_old_jobs_are_deleted(self, ada, elsewhere, committed, capsys):
        old = timezone.now() - timedelta(days=8)
        Job.objects.create(user=ada, name="ended", state=JobState.FAILED, created_at=old, ended_at=old)
        Job.objects.create(user=ada, name="never run", created_at=old)
        Job.objects.create(user=ada, name="runs", state=JobState.RUNNING, created_at=old)
        Job.objects.create(user=ada, name="new", state=JobState.COMPLETE, ended_at=timezone.now())
        call_command("realtime_prune")
        assert sorted(Job.objects.values_list("name", flat=True)) == ["new", "runs"]
        assert "2 jobs deleted." in capsys.readouterr().out

    def test_other_databases_have_none(self, committed):
        assert job_rows.prune("another") == 0


class TestSentences:
    @pytest.mark.parametrize(
        ("left", "sentence"),
        [
            (None, ""),
            (3, "A few seconds left"),
            (42, "40 s left"),
            (61, "1 min left"),
            (3000, "50 min left"),
            (7300, "2 h left"),
        ],
    )
    def test_the_time_that_is_left(self, left, sentence):
        assert Job(state=JobState.RUNNING, seconds_left=left).time_left == sentence

    def test_percent(self):
        assert [Job(done=done, total=total).percent for done, total in [(1, 3), (5, 3), (1, None), (0, 0)]] == [
            33,
            100,
            None,
            0,
        ]

    def test_it_is_in_the_users_language(self):
        with translation.override("de"):
            assert Job(state=JobState.RUNNING, seconds_left=61).time_left == "Noch 1 min"


class TestStream:
    async def test_only_its_owner_sees_and_cancels_a_job(self, ada, elsewhere, quick):
        ben = await elsewhere.soon(User.objects.create, username="ben")
        async with WireClient(Identity(str(ada.pk))) as own, WireClient(Identity(str(ben.pk))) as other:
            await own.subscribe("realtime.jobs")
            await other.subscribe("realtime.jobs")
            async with realtime.job(ada, "Import", total=2) as job:
                await until(lambda: [row["state"] for row in own.rows()] == ["running"])
                assert other.rows() == []
                for client in (other, own):
                    client.say(
                        [
                            client.protocol.text(
                                type="call",
                                id="1",
                                stream="realtime.jobs",
                                params={},
                                action="cancel",
                                args={"pk": str(job.pk)},
                            )
                        ]
                    )
                    await until(lambda client=client: client.protocol.replies)
                assert other.protocol.replies["1"]["error"]["code"] == 4217
                await until(lambda: job.cancelled)
                job.advance()
            await until(lambda: [row["state"] for row in own.rows()] == ["cancelled"])
            assert own.rows()[0]["percent"] == 0
