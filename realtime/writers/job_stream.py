"""JobStream: the jobs of the user, registered by realtime itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from realtime.models import ENDED_STATES, HAS_USERS, JOB_STREAM, Job
from realtime.streams.decorators import action
from realtime.streams.registry import registry
from realtime.writers.user_stream import UserStream

SHOWN = 20


class JobStream(UserStream):
    """The newest jobs of the user, or the one with the key `job`. Nobody sees those of others."""

    model = Job
    fields = (
        "id",
        "name",
        "state",
        "done",
        "total",
        "percent",
        "seconds_left",
        "cancel_requested",
        "result",
        "result_url",
        "error",
        "worker_died",
        "created_at",
        "ended_at",
    )
    template_name = "realtime/job.html"

    def get_queryset(self, job: str = "") -> QuerySet[Job]:
        jobs = Job.objects.all()
        if not job:
            return jobs.order_by("-created_at", "pk")[:SHOWN]
        try:
            return jobs.filter(pk=UUID(job))
        except ValueError:
            return jobs.none()

    @action
    def cancel(self, user: Any, pk: UUID) -> None:
        """Cancel a job of the user."""
        from realtime.writers.job_run import cancel_job  # every process imports this module

        cancel_job(pk, user=user.pk)

    @action
    def remove(self, user: Any, pk: UUID) -> None:
        """Delete a job of the user that has ended."""
        Job.objects.filter(pk=pk, user=user.pk, state__in=ENDED_STATES).delete()


if HAS_USERS:
    registry.add(JOB_STREAM, JobStream)
