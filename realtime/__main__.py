"""`python -m realtime init`: the command `realtime_init`, for projects that do not have the app yet."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'](?:\s*,|\]\s*=)\s*["']([\w.]+)["']""")


def main(arguments: list[str]) -> None:
    """Run the command in the folder of `manage.py`, with the settings that it names. Exit with 2 if it cannot."""
    from realtime.management.commands.realtime_init import Command  # `realtime.client` does not need Django

    manage = Path("manage.py")
    if arguments[:1] != ["init"] or not manage.is_file():
        sys.stderr.write("Run `python -m realtime init` in the folder of your project's manage.py.\n")
        raise SystemExit(2)
    if found := SETTINGS.search(manage.read_text(encoding="utf-8", errors="replace")):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", found[1])
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        sys.stderr.write("manage.py does not say which settings to use. Set DJANGO_SETTINGS_MODULE.\n")
        raise SystemExit(2)
    Command().run_from_argv(["python -m realtime", "init", *arguments[1:]])


if __name__ == "__main__":
    main(sys.argv[1:])
