"""JobStream: the jobs of the user, registered by realtime itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from realtime.actions.job_rows import ENDED
from realtime.models import HAS_USERS, Job
from realtime.streams.decorators import action
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream
from realtime.writers.job_run import cancel_job

NAME = "realtime.jobs"
SHOWN = 20


class JobStream(ModelStream):
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
    audience_by = "user"
    localize = True

    def authorize(self, user: Any, **params: Any) -> bool:
        return bool(user.is_authenticated)

    def audience(self, user: Any, **params: Any) -> Any:
        return user.pk

    def get_queryset(self, job: str = "") -> QuerySet[Job]:
        user: Any = self.audience
        jobs = Job.objects.filter(user=user)
        if not job:
            return jobs.order_by("-created_at", "pk")[:SHOWN]
        try:
            return jobs.filter(pk=UUID(job))
        except ValueError:
            return jobs.none()

    @action
    def cancel(self, user: Any, pk: UUID) -> None:
        """Cancel a job of the user."""
        cancel_job(pk, user=user.pk)

    @action
    def remove(self, user: Any, pk: UUID) -> None:
        """Delete a job of the user that has ended."""
        Job.objects.filter(pk=pk, user=user.pk, state__in=ENDED).delete()


if HAS_USERS:
    registry.add(NAME, JobStream)
