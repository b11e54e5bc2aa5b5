"""`manage.py realtime_doctor`: tries the whole path of a change, and says what works."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime.doctor.backstage import checks, logs, tables, wakeups
from realtime.doctor.findings import Broken, Finding, State, broken
from realtime.doctor.roads import roads
from realtime.doctor.server import own_headers, own_server


class Command(BaseCommand):
    help = (
        "Write a change and wait for it, over each wake-up and each transport: says what works, what is slow, what is "
        "off and what is broken. Leaves nothing behind. Ends with an error when something is broken."
    )
    requires_system_checks: list[str] = []  # which the doctor makes itself, and goes on

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", help="The site to try, such as https://example.org; by default a daphne of its own is started."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        url = (options["url"] or "").rstrip("/")
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise CommandError("--url is an address such as https://example.org.")
        counts = dict.fromkeys(State, 0)
        for finding in self._findings(url):
            counts[finding.state] += 1
            self._write(finding)
        if counts[State.BROKEN]:
            raise CommandError(f"{counts[State.BROKEN]} broken; see docs/howto/troubleshooting.md.")
        self.stdout.write("Changes arrive.")

    def _findings(self, url: str) -> Iterator[Finding]:
        yield from checks()
        works = True
        for finding in itertools.chain(tables(), logs()):
            works = works and finding.state is not State.BROKEN
            yield finding
        if not works:
            return  # nothing behind it can work
        yield from asyncio.run(wakeups())
        if url:
            yield from roads(url, {})
            return
        if not getattr(settings, "ASGI_APPLICATION", None):
            return  # of which the checks have told
        try:
            with own_server() as own:
                yield from roads(own, own_headers())
        except Broken as error:
            yield broken("server", error, "It was started as `daphne` with ASGI_APPLICATION.")

    def _write(self, finding: Finding) -> None:
        styles = {State.OK: self.style.SUCCESS, State.BROKEN: self.style.ERROR}
        style = styles.get(finding.state, self.style.WARNING)
        self.stdout.write(f"{style(finding.state.value.ljust(6))}  {finding.what.ljust(20)}  {finding.text}")
