"""Script: the JavaScript client as a static file, and whether pages can load it."""

from __future__ import annotations

import functools
import logging

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import FileSystemStorage

logger = logging.getLogger("realtime.pages")

SCRIPT = "realtime/realtime.js"
REMEDY = "Run `manage.py collectstatic`, and have the web server or WhiteNoise serve STATIC_ROOT under STATIC_URL."


def uncollected() -> str:
    """Return why no server can serve the script, as far as its storage shows; else an empty string."""
    if not apps.is_installed("django.contrib.staticfiles"):
        return ""
    if settings.DEBUG or getattr(settings, "WHITENOISE_USE_FINDERS", False):  # files are served from the apps
        return ""
    if not isinstance(staticfiles_storage, FileSystemStorage):  # remote storage: a check would need a request
        return ""
    if not settings.STATIC_ROOT:
        return f"DEBUG is off and STATIC_ROOT is not set, so nobody serves the static file {SCRIPT}."
    if not staticfiles_storage.exists(_stored_name()):
        return f"DEBUG is off and the static file {SCRIPT} is not in STATIC_ROOT ({settings.STATIC_ROOT})."
    return ""


def _stored_name() -> str:
    """The script's name in the storage, with a hash if the storage adds one."""
    try:
        return str(getattr(staticfiles_storage, "stored_name", str)(SCRIPT))
    except ValueError:  # not in the storage's manifest
        return SCRIPT


@functools.cache
def warn_if_uncollected() -> None:
    """Log the problem once per process: without the script, a page silently stays as it is."""
    if missing := uncollected():
        logger.warning("%s %s", missing, REMEDY)
