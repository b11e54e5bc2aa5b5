"""Pages under gunicorn's WSGI workers, connections under an ASGI process beside it, as the docs tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import give_up
from tests.support import nginx
from tests.support.demo import DEMO, ROOT, DemoServer, environment
from tests.support.pages import Windows, open_live
from tests.support.processes import Process, free_port, serves

pytestmark = pytest.mark.browser

PAGE = (ROOT / "docs" / "operations" / "servers.md").read_text()
HEADERS = re.compile(r"^    proxy_(?:http_version|set_header) .*$", re.MULTILINE)


def gunicorn(port: int) -> list[str]:
    [line] = re.findall(r"^\$ (gunicorn mysite\.wsgi.*)$", PAGE, re.MULTILINE)
    line = line.replace("mysite.wsgi", "tests.support.demo_wsgi").replace(":8000", f":{port}")
    return [sys.executable, "-m", *line.replace("--workers 4", "--workers 1").split()]


class Nginx(nginx.Nginx):
    """With the locations of the page about servers, in the server block of the page about nginx."""

    def __init__(self, *, pages: int, connections: int, directory: Path) -> None:
        super().__init__(pages, directory=directory)
        [locations] = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
        assert locations.count(":8000;") == 1
        assert locations.count(":8001;") == 2
        locations = locations.replace(":8000;", f":{pages};").replace(":8001;", f":{connections};")
        headers = "\n".join(HEADERS.findall(nginx.PAGE.read_text()))
        self._write(f"server {{\nlisten 127.0.0.1:{self.port};\n{headers}\n{locations}\n}}")


@pytest.fixture
def site(server: DemoServer, pytestconfig, tmp_path) -> Iterator[Nginx]:
    if nginx.program() is None:
        give_up(pytestconfig, "There is no nginx: install it (on Debian: apt-get install nginx).")
    port = free_port()
    pages = Process(
        gunicorn(port),
        log=tmp_path / "gunicorn.log",
        ready=lambda: serves(port),
        env=environment(server.database, DEMO),
        cwd=ROOT,
    )
    pages.start()
    proxy = Nginx(pages=port, connections=server.port, directory=tmp_path)
    proxy.start()
    yield proxy
    proxy.stop()
    pages.stop()
    assert "Traceback" not in pages.output()


def test_page_is_live_and_sees_what_a_wsgi_worker_writes(site: Nginx, windows: Windows, server: DemoServer) -> None:
    [[task]] = server.query("SELECT MIN(id) FROM board_task WHERE project_id = 1")
    reader = open_live(windows.login("ada", url=site.url), "/board/1/")

    writer = windows.login("ada", url=site.url)
    writer.goto(f"/admin/board/task/{task}/change/")
    writer.get_by_label("Title:").fill("Written under WSGI")
    writer.get_by_role("button", name="Save", exact=True).click()

    expect(reader.get_by_text("Written under WSGI")).to_be_visible()


def test_action_of_a_page_runs_in_the_asgi_process(site: Nginx, windows: Windows) -> None:
    ada, ben = (open_live(windows.login(user, url=site.url), "/board/1/") for user in ("ada", "ben"))
    box = ada.get_by_role("checkbox").first
    name = box.get_attribute("aria-label") or ""
    checked = box.is_checked()
    box.click()
    expect(ben.get_by_role("checkbox").first).to_be_checked(checked=not checked)
    assert name == (ben.get_by_role("checkbox").first.get_attribute("aria-label") or "")
