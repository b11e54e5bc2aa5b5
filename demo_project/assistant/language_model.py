"""A language model that needs no network: it says canned text, a token at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

TOKEN_SECONDS = 0.025
THINK_SECONDS = 0.3  # before the first token

TEXTS = [
    (
        "A **live query** is a QuerySet that browsers mirror. You declare it once:\n\n"
        "- *which rows* it has, as any QuerySet that Django can run,\n"
        "- *which fields* a client gets, or the template of a row,\n"
        "- *who* may see them.\n\n"
        "From then on each open page equals the database, no matter who writes: a view, the admin, a worker, or "
        "`manage.py shell`. A page that loses its connection gets what it missed, and nothing else.\n\n"
        '```\nclass TaskStream(ModelStream):\n    model = Task\n    fields = ["id", "title"]\n```\n\n'
        "So you write no event names, no serializers for messages, and no code that repairs a page."
    ),
    (
        "Each change of a live model leaves a thin row in a **change log**, in the same transaction as the change. "
        "A client holds a *cursor*, a position in that log. The server answers one question:\n\n"
        "```\ndelta(live query, cursor) -> rows to put, keys to drop, new cursor\n```\n\n"
        "Live updates, a lost connection, a page that was rendered five minutes ago: all are this one function with "
        "another cursor. Nothing is kept for a client: a slow one costs no memory, a killed server loses nothing."
    ),
    (
        "This answer was written before you asked. It comes *a token at a time*, as from a language model, and "
        "each token reaches your page within 0.15 seconds.\n\n"
        "Try this meanwhile:\n\n"
        "- open the page in a second tab,\n"
        "- reload it,\n"
        "- press **Stop** in either tab,\n"
        "- or kill the server with `kill -9`, and start it again.\n\n"
        "What you see is always an exact prefix of what was written, since it is saved four times a second. If the "
        "writer dies, the answer is marked as failed within fifteen seconds."
    ),
]

_TOKEN = re.compile(r"\s*\S{1,5}|\s+")


def reply(question: str) -> Iterator[str]:
    """Yield the tokens of an answer."""
    time.sleep(THINK_SECONDS)
    for token in _TOKEN.findall(TEXTS[len(question) % len(TEXTS)]):
        time.sleep(TOKEN_SECONDS)
        yield token
