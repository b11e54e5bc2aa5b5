"""django-eventstream: one event to a channel, over Server-Sent Events. It writes no rows."""

import time

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application
from django_eventstream import send_event

from benchmarks.peers.control import controlled


def _send(text: str) -> float:
    at = time.time()
    send_event("items", "message", text, json_encode=False)
    return at


application = controlled(get_asgi_application(), sync_to_async(_send))
