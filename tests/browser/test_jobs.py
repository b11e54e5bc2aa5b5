"""Jobs in a page: a worker's progress, its result, the button that cancels it, and a worker that is killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE, Popen

import pytest
from playwright.sync_api import Locator, Page, expect

from realtime.actions.text_leases import LEASE_SECONDS
from tests.browser.board import Board, wait_until_equal
from tests.browser.conftest import SITE
from tests.browser.desk import Desk
from tests.support import processes
from tests.support.demo import ROOT, environment
from tests.support.forkserver import Fork
from tests.support.waiting import seconds

SETUP = """
import sys, django
django.setup()
import realtime
from django.contrib.auth import get_user_model
from django.db import transaction
ada = get_user_model().objects.get(username="ada")
def told():
    return sys.stdin.readline()
print("ready", flush=True)
"""

Start = Callable[[str], Popen[str] | Fork]


@pytest.fixture
def start(board: Board) -> Iterator[Start]:
    """Starts another process with this code, as a worker."""
    workers: list[Popen[str] | Fork] = []

    def start(code: str) -> Popen[str] | Fork:
        env = environment(board.writer.database, SITE)
        command = [sys.executable, "-c", SETUP + code]
        workers.append(processes.start(command, stdin=PIPE, stdout=PIPE, env=env, cwd=ROOT))
        assert workers[-1].stdout.readline() == "ready\n"
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()
        worker.stdin.close()
        worker.stdout.close()


@pytest.fixture
def page(desk: Desk, board: Board) -> Page:
    board.write("Job.objects.all().delete()")
    return desk.open_live("ada", board.page("{% live_jobs %}"))


def tell(worker: Popen[str] | Fork) -> None:
    """Let a worker go on."""
    worker.stdin.write("\n")
    worker.stdin.flush()


def job(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def bar(page: Page, name: str) -> Locator:
    return page.get_by_role("progressbar", name=name)


def test_a_page_shows_the_progress_and_the_result(page: Page, desk: Desk, board: Board, start: Start) -> None:
    worker = start("""
with realtime.job(ada, "Import <b>lines</b>", total=4) as job:
    job.advance()
    told()
    job.advance(3)
    job.result, job.result_url = "4 lines & more", "/board/"
""")
    expect(bar(page, "Import <b>lines</b>")).to_have_attribute("value", "25")
    expect(job(page, "Import")).to_contain_text("Running")
    expect(job(page, "Import")).to_contain_text("25 %")
    expect(job(page, "Import")).to_contain_text(" left")
    wait_until_equal(page)
    page.reload()
    expect(bar(page, "Import <b>lines</b>")).to_have_attribute("value", "25")
    other = desk.open_live("ben", board.page("{% live_jobs %}"))
    tell(worker)

    expect(job(page, "Import")).to_contain_text("Done")
    expect(bar(page, "Import <b>lines</b>")).to_have_attribute("value", "100")
    expect(job(page, "Import").get_by_role("link", name="4 lines & more")).to_have_attribute("href", "/board/")
    assert worker.wait(seconds(20)) == 0
    expect(other.get_by_role("article")).to_have_count(0)
    job(page, "Import").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("article")).to_have_count(0)


def test_the_user_cancels_a_job(page: Page, start: Start) -> None:
    worker = start("""
import time
with realtime.job(ada, "Import") as job:
    while True:
        job.advance()
        time.sleep(0.01)
assert job.cancelled
""")
    expect(job(page, "Import")).to_contain_text("Running")
    assert bar(page, "Import").get_attribute("value") is None  # its total is unknown
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel: Import")).to_be_focused()
    page.keyboard.press("Enter")

    expect(job(page, "Import")).to_contain_text("Cancelled")
    assert worker.wait(seconds(20)) == 0


def test_a_queued_job_waits_and_can_be_cancelled(page: Page, board: Board) -> None:
    board.write("realtime.queue_job(User.objects.get(username='ada'), 'Export') and None")
    expect(job(page, "Export")).to_contain_text("Waiting")
    page.get_by_role("button", name="Cancel: Export").click()
    expect(job(page, "Export")).to_contain_text("Cancelled")


def test_a_killed_worker_is_noticed_within_its_lease(page: Page, start: Start) -> None:
    worker = start("""
with realtime.job(ada, "Import", total=2) as job:
    job.advance()
    told()
""")
    expect(bar(page, "Import")).to_have_attribute("value", "50")
    worker.kill()
    expect(job(page, "Import")).to_contain_text(
        "Failed: the process that ran it has ended.", timeout=seconds(LEASE_SECONDS + 5) * 1000
    )
    expect(bar(page, "Import")).to_have_attribute("value", "50")


def test_five_jobs_at_once(page: Page, start: Start) -> None:
    worker = start("""
import threading
def work(number):
    with realtime.job(ada, f"Job {number}", total=5) as job:
        job.advance(number)
        go.wait()
go = threading.Event()
threads = [threading.Thread(target=work, args=[number]) for number in range(5)]
[thread.start() for thread in threads]
told()
go.set()
[thread.join() for thread in threads]
""")
    for number in range(5):
        expect(bar(page, f"Job {number}")).to_have_attribute("value", str(number * 20))
    tell(worker)
    expect(page.get_by_text("Done")).to_have_count(5)


def test_one_job_on_a_page_of_its_own(desk: Desk, board: Board) -> None:
    board.write("Job.objects.all().delete()")
    key = board.write("str(realtime.queue_job(User.objects.get(username='ada'), 'Export').pk)")
    board.write("realtime.queue_job(User.objects.get(username='ada'), 'Other') and None")
    own, other = (
        desk.open_live(user, board.page("{% live_job " + f"'{key}'" + " container='section' class='export' %}"))
        for user in ("ada", "ben")
    )
    expect(own.locator("section.export").get_by_role("article")).to_have_count(1)
    expect(job(own, "Export")).to_contain_text("Waiting")
    expect(other.locator("section.export")).to_have_text("")


def test_a_visitor_sees_no_jobs(desk: Desk, board: Board) -> None:
    page = desk.alone("ada")
    page.context.clear_cookies()
    page.goto(board.page("<p>Hello</p>{% live_jobs %}"))
    expect(page.locator("body")).to_have_text("Hello")
    expect(page.locator("[data-live]")).to_have_count(0)
