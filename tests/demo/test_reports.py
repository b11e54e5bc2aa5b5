"""Reports: jobs in the background, and the page that shows them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from demo_project.board.models import Project
from demo_project.dashboard import reports
from realtime.models import Job


@pytest.fixture
def ada(board: Project) -> Any:
    return get_user_model().objects.get(username="ada")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The reports that would run in a thread."""
    started: list[tuple[str, int]] = []
    monkeypatch.setattr(reports, "_start", lambda *report: started.append(report))
    return started


def test_page_starts_a_report_without_javascript(
    client_of, ada: Any, started: list, django_capture_on_commit_callbacks: Any
) -> None:
    client: Client = client_of("ada")
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post("/reports/")
    page = client.get("/reports/").content.decode()

    assert response.headers["Location"] == "/reports/"
    assert started == [(str(Job.objects.get().pk), ada.pk)]
    assert "Report on all tasks" in page
    assert "realtime-job-queued" in page


def test_report_counts_the_tasks_of_its_user(ada: Any, started: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "STEP_SECONDS", 0)
    reports.request_report(ada)
    job = Job.objects.get()
    reports.write_report(str(job.pk), ada.pk)
    job.refresh_from_db()

    assert (job.state, job.done, job.total, job.result) == ("complete", 48, 48, "16 of 48 tasks are done.")


def test_sixth_report_waits_for_another_day(
    client_of, ada: Any, started: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MOST", 0)
    page = client_of("ada").post("/reports/", follow=True).content.decode()

    assert "Five reports are being written." in page
    assert not Job.objects.exists()


def test_others_do_not_see_it(client_of, ada: Any, started: list) -> None:
    reports.request_report(ada)

    assert "Report on all tasks" not in client_of("ben").get("/reports/").content.decode()
