"""The forms of a shared delta, one of which a client receives."""

from __future__ import annotations

import json
from typing import Any

from realtime.queries.shared_delta import Received, SharedDelta
from tests.support.replica import Replica


def form_for(delta: SharedDelta | None, received: Received, replica: Replica) -> bytes | None:
    """Return the delta that a client with these rows receives; every form that it may receive has the same effect."""
    if delta is None:
        return None
    if received.since < delta.base:
        whole, known, patched = (_applied(delta.encoded(form), replica) for form in ("whole", "known", "patched"))
        assert whole == known == patched
    return delta.to(received)


def _applied(text: bytes | None, replica: Replica) -> list[tuple[str, Any]]:
    copy = Replica()
    copy.hold(dict(replica.ordered))
    if text is not None:
        copy.apply(json.loads(text))
    return copy.ordered
