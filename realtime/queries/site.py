"""Site: the language and the time zone in which rows are read and rendered, whoever asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import timezone, translation


@contextmanager
def as_the_site() -> Iterator[None]:
    """Use the site's language and time zone, in a page as in a push: a live query's rows are shared."""
    with translation.override(settings.LANGUAGE_CODE), timezone.override(None):
        yield
