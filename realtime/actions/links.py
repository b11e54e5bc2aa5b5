"""Links: whether a URL from the project's code may be a link in a page."""

from __future__ import annotations

import re

# http: or https:, or no scheme: nothing that runs a script. Browsers drop control characters, also in "java\tscript:".
_SAFE = re.compile(r"(?:https?:[^\x00-\x20\x7f]+|[^\x00-\x20\x7f:/?#\\]*(?:[/?#][^\x00-\x20\x7f]*)?)", re.IGNORECASE)


def link_problem(url: object) -> str:
    """Return why this cannot be a link; "" for a path, or an address that begins with http: or https:."""
    if _SAFE.fullmatch(str(url)):
        return ""
    return f"{url!r} cannot be a link: use a path, or an address that begins with http: or https:."
