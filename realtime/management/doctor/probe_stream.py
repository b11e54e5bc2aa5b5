"""Probe: the stream by which `realtime_doctor` sees whether a change arrives. Nobody else can subscribe to it."""

from __future__ import annotations

import secrets
import time
from typing import Any

from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models import QuerySet

from realtime.models import Probe
from realtime.streams.registry import register
from realtime.streams.stream import ModelStream

NAME = "realtime.probe"
KEY_SECONDS = 900  # for which a key lets its bearer see its row, and at the most for which a row is left behind

_signer = TimestampSigner(salt="realtime.probe")


@register(NAME)
class ProbeStream(ModelStream):
    """The row of one probe, for whoever holds its signed key."""

    model = Probe
    fields = ["text"]
    partition_by = ["key"]
    allow_anonymous = True

    def authorize(self, user: Any, key: str) -> bool:  # type: ignore[override]  # the stream's own parameter
        try:
            _signer.unsign(key, max_age=KEY_SECONDS)
        except BadSignature:
            return False
        return True

    def get_queryset(self, key: str) -> QuerySet[Probe]:  # type: ignore[override]
        return Probe.objects.filter(key=key)


def begin() -> str:
    """Make a row; return its key. Rows that were left behind go."""
    now = int(time.time())
    key = _signer.sign(secrets.token_hex(8))
    with transaction.atomic(using=ProbeStream.database()):
        Probe.objects.filter(at__lt=now - KEY_SECONDS).delete()
        Probe.objects.create(key=key, text="begun", at=now)
    return key


def change(key: str, text: str) -> None:
    """Change the row, as a model's `save` would."""
    probe = Probe.objects.get(key=key)
    probe.text = text
    probe.save()


def end(key: str) -> None:
    """Leave nothing behind."""
    Probe.objects.filter(key=key).delete()
