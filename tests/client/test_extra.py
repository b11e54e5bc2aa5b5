"""Without the package `websockets`, the error says what to install."""

from __future__ import annotations

import sys

import pytest

import realtime.client
import realtime.testing
from realtime.exceptions import RealtimeError


@pytest.mark.parametrize(
    "use", [lambda: realtime.client.connect("ws://example.com/realtime/ws/"), lambda: realtime.testing.connect]
)
def test_what_needs_the_extra_names_it(monkeypatch, use):
    for name in [
        name for name in sys.modules if name.startswith(("websockets", "realtime.client.", "realtime.testing."))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(RealtimeError) as caught:
        use()
    assert str(caught.value) == ("This needs the package `websockets`. Run `pip install django-live-queries[client]`.")
