"""Probe: the stream with which `realtime_doctor` tests whether a change arrives. No other client can subscribe."""

from __future__ import annotations

import secrets
import time
from typing import Any

from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models import QuerySet

from realtime.models import PROBE_STREAM, Probe
from realtime.streams.registry import register
from realtime.streams.stream import ModelStream

KEY_SECONDS = 900  # the lifetime of a key; older rows are deleted


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="realtime.probe")  # made when it is used: commands of a build have no SECRET_KEY


@register(PROBE_STREAM)
class ProbeStream(ModelStream):
    """The row of one probe, for clients that have its signed key."""

    model = Probe
    fields = ["text"]
    partition_by = ["key"]
    allow_anonymous = True

    def authorize(self, user: Any, key: str) -> bool:  # type: ignore[override]  # the stream's own parameter
        try:
            _signer().unsign(key, max_age=KEY_SECONDS)
        except BadSignature:
            return False
        return True

    def get_queryset(self, key: str) -> QuerySet[Probe]:  # type: ignore[override]
        return Probe.objects.filter(key=key)


def begin() -> str:
    """Create a row and return its key. Delete old rows of interrupted probes."""
    now = int(time.time())
    key = _signer().sign(secrets.token_hex(8))
    with transaction.atomic(using=ProbeStream.database()):
        Probe.objects.filter(at__lt=now - KEY_SECONDS).delete()
        Probe.objects.create(key=key, text="begun", at=now)
    return key


def change(key: str, text: str) -> None:
    """Change the row with the model's `save`."""
    probe = Probe.objects.get(key=key)
    probe.text = text
    probe.save()


def end(key: str) -> None:
    """Delete the row."""
    Probe.objects.filter(key=key).delete()
