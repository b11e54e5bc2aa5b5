"""What writes the answers: a thread of the server process here, a worker's task in a site with more to do."""

from __future__ import annotations

import threading

from django.db import connections

import realtime
from demo_project.assistant.language_model import reply
from demo_project.assistant.models import Answer


def start(pk: int) -> None:
    threading.Thread(target=_run, args=(pk,), name="assistant", daemon=True).start()


def _run(pk: int) -> None:
    try:
        write_answer(pk)
    finally:
        connections.close_all()  # of this thread


def write_answer(pk: int) -> None:
    answer = Answer.objects.get(pk=pk)
    with realtime.live_text(answer, "text", state_field="state") as out:
        out.write_from(reply(answer.question))
