"""Streams that a test declares, and what one check says of them."""

from __future__ import annotations

import pytest

from realtime import ModelStream
from realtime.streams.registry import registry
from tests.models import Book
from tests.support.streams import no_streams


@pytest.fixture
def declared(db):
    """`declared(check, fields=...)`: what a check says of a stream of books that differs from a right one in this."""

    def declare(check, *bases, **attributes) -> list[tuple[str, str, str]]:
        fixed = {"model": Book, "fields": ["id"], "authorize": lambda self, user: True}
        registry.add("made", type("Made", (*bases, ModelStream), fixed | attributes))
        return [(message.id, message.msg, message.hint) for message in check(None)]

    with no_streams():
        yield declare
