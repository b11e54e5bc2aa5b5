"""Check of the installation: another distribution may also install a package `realtime`.

This module imports only Django, because the other package may have overwritten our modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from realtime.checks import register

DISTRIBUTION = "django-live-queries"
HINT = (
    "Only one of them can be in an environment. Run `pip uninstall {names}`, then "
    f"`pip install --force-reinstall --no-deps {DISTRIBUTION}`, because both installed files into the same directory."
)
_FILES = re.compile(r"^realtime(/|$)", re.MULTILINE)


def others() -> Iterator[str]:
    """Yield name and version of each other distribution that installs files into `realtime`."""
    seen = set()
    for distribution in distributions():
        # search the text of wheels and source distributions; parsing thousands of lines is slow
        names = ("RECORD", "SOURCES.txt", "top_level.txt")
        files = next((text for name in names if (text := distribution.read_text(name))), "")
        if not _FILES.search(files):
            continue
        name = str(distribution.metadata["Name"] or "")
        if re.sub("[-_.]+", "-", name).lower() != DISTRIBUTION and name not in seen:
            seen.add(name)
            yield f"{name} {distribution.version}"


def refuse_other_package(package: Any) -> None:
    """Raise `ImproperlyConfigured` if `package`, imported as `realtime`, belongs to another distribution."""
    if hasattr(package, "ModelStream"):
        return
    found = list(others())
    cause = f"overwritten by {' and '.join(found)}" if found else "missing"
    names = " ".join(name.partition(" ")[0] for name in found) or "realtime"
    raise ImproperlyConfigured(
        f"Files of {DISTRIBUTION} are {cause}: `import realtime` finds another package. {HINT.format(names=names)}"
    )


@register()
def check_installation(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E035: another distribution also installs a package `realtime`."""
    return [
        Error(
            f"The distribution {other} also installs a package `realtime`, into the directory of {DISTRIBUTION}.",
            hint=HINT.format(names=other.partition(" ")[0]),
            id="realtime.E035",
        )
        for other in others()
    ]
