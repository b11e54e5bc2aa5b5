"""`manage.py realtime_doctor`: tests the whole path of a change, and reports what works."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime.auth.origins import split_http_url
from realtime.management.doctor.findings import Broken, Finding, Outcome, broken
from realtime.management.doctor.layers import checks, logs, tables, wakeups
from realtime.management.doctor.own_server import own_headers, own_server
from realtime.management.doctor.transports import TRANSPORTS, try_transports

ARRIVED = (Outcome.OK, Outcome.SLOW)


class Command(BaseCommand):
    help = (
        "Write a change and wait for it over each wake-up and each transport. Report what works, what is slow, what "
        "is off and what is broken, and fail if something is broken. Delete the change afterwards."
    )
    requires_system_checks: list[str] = []  # the doctor runs them itself and continues after errors

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", help="The site to test, such as https://example.org. By default, the doctor starts daphne."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        url = (options["url"] or "").rstrip("/")
        parts = split_http_url(url)
        if url and not (parts and parts.hostname):
            raise CommandError("--url must be a URL such as https://example.org.")
        found = []
        for finding in self._findings(url):
            found.append(finding)
            self._write(finding)
        if number := sum(finding.state is Outcome.BROKEN for finding in found):
            raise CommandError(f"{number} broken; see docs/operations/troubleshooting.md.")
        arrived = [finding.what for finding in found if finding.what in TRANSPORTS and finding.state in ARRIVED]
        if not arrived:
            raise CommandError(
                "No transport was tested, so it is unknown whether changes arrive. Install the extra `client`, or add "
                "realtime.urls to the URLconf."
            )
        if len(arrived) < len(TRANSPORTS):
            self.stdout.write(f"Changes arrive by {' and '.join(arrived)}; the rest was not tested.")
        else:
            self.stdout.write("Changes arrive.")

    def _findings(self, url: str) -> Iterator[Finding]:
        yield from checks()
        works = True
        for finding in itertools.chain(tables(), logs()):
            works = works and finding.state is not Outcome.BROKEN
            yield finding
        if not works:
            return  # the following layers cannot work
        yield from asyncio.run(wakeups())
        if url:
            yield from try_transports(url, {})
            return
        if not getattr(settings, "ASGI_APPLICATION", None):
            return  # reported by the checks; no transport can be tested
        try:
            with own_server() as own:
                yield from try_transports(own, own_headers())
        except Broken as error:
            yield broken("server", error, "The doctor started daphne with ASGI_APPLICATION.")

    def _write(self, finding: Finding) -> None:
        styles = {Outcome.OK: self.style.SUCCESS, Outcome.BROKEN: self.style.ERROR}
        style = styles.get(finding.state, self.style.WARNING)
        self.stdout.write(f"{style(finding.state.value.ljust(6))}  {finding.what.ljust(20)}  {finding.text}")
