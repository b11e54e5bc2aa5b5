"""Links: whether an address that a program passes may stand in a page as a link."""

from __future__ import annotations

import re

# http: or https:, or no scheme: nothing that runs a script. Browsers drop control characters, also in "java\tscript:".
_SAFE = re.compile(r"(?:https?:[^\x00-\x20\x7f]+|[^\x00-\x20\x7f:/?#\\]*(?:[/?#][^\x00-\x20\x7f]*)?)", re.IGNORECASE)


def is_safe_link(url: str) -> bool:
    """Return whether this is a path, or an address that begins with http: or https:."""
    return _SAFE.fullmatch(url) is not None
