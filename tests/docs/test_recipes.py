"""The recipes run: each in a fresh project, with the files that its page shows, in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest
from playwright.sync_api import Page, expect

from tests.docs.pages import ROOT, blocks
from tests.support import processes
from tests.support.pages import Windows, wait_for_state
from tests.support.processes import Process, free_port, serves

NAME = re.compile(r"^(?:# (?P<python>(?:board|mysite)/\S+?)|\{# (?P<html>board/\S+?) #\})$")
START = """
from django.core.management import call_command
call_command("startproject", "mysite", ".")
call_command("startapp", "board")
"""
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
SETTINGS = """
INSTALLED_APPS = ["daphne", *INSTALLED_APPS, "realtime", "board"]
ASGI_APPLICATION = "realtime.asgi.application"
MIDDLEWARE = [*MIDDLEWARE, "mysite.reader.as_ada"]
"""
# The first request of a browser logs it in as ada.
READER = """
from django.contrib.auth import get_user_model, login

def as_ada(get_response):
    def respond(request):
        if not request.COOKIES and not request.user.is_authenticated:
            login(request, get_user_model().objects.get(username="ada"))
        return get_response(request)

    return respond
"""
# The reader's own view.
URLS = """
from django.shortcuts import render
from django.urls import include, path
from board.models import Project

def board(request):
    return render(request, "board/board.html", {"project": Project.objects.get()})

urlpatterns = [path("", board), path("realtime/", include("realtime.urls"))]
"""
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("makemigrations", "board", verbosity=0)
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
from board.models import Project, Task
ada = get_user_model().objects.create(username="ada")
project = Project.objects.create(name="One")
project.members.add(ada)
for title in ["Ink", "Inkwell", "Paper", "Pen"]:
    Task.objects.create(project=project, title=title, done=title.startswith("P"))
Task.objects.filter(title="Pen").update(assignee=ada)
"""
# Then the process is the reader's shell: it runs code, a JSON string a line, and answers with the traceback, if any.
SHELL = """
import json, sys, traceback
print(json.dumps(""), flush=True)
for line in sys.stdin:
    try:
        exec(json.loads(line), {})
        print(json.dumps(""), flush=True)
    except Exception:
        print(json.dumps(traceback.format_exc()), flush=True)
"""


def environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "REALTIME_"))}
    return {**inherited, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "DJANGO_SETTINGS_MODULE": "mysite.settings"}


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each recipe begins with: a project with an app, and a database with the tables of the others' apps."""
    folder = tmp_path_factory.mktemp("new")
    env = environment(folder)
    run(folder, {name: value for name, value in env.items() if name != "DJANGO_SETTINGS_MODULE"}, START)
    with (folder / "mysite" / "settings.py").open("a") as file:
        file.write(SETTINGS)
    run(folder, env, MIGRATE)
    return folder


def run(folder: Path, env: dict[str, str], code: str) -> None:
    done = processes.run([sys.executable, "-c", code], cwd=folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


class Reader:
    """A project with the files of a recipe."""

    def __init__(self, folder: Path, recipe: str, app: str) -> None:
        self.port = free_port()
        if app:
            with (folder / "mysite" / "settings.py").open("a") as file:
                file.write(f"INSTALLED_APPS.append({app!r})\n")
        (folder / "mysite" / "urls.py").write_text(URLS)
        (folder / "mysite" / "reader.py").write_text(READER)
        for block in [*blocks("recipes/index"), *blocks(f"recipes/{recipe}")]:
            if found := NAME.match(block.text.splitlines()[0]):
                path = folder / (found["python"] or found["html"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
        env = environment(folder)
        self._shell = processes.start(
            [sys.executable, "-c", PREPARE + SHELL],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.server = Process(
            [sys.executable, "manage.py", "runserver", "--noreload", str(self.port)],
            log=folder / "server.log",
            ready=lambda: serves(self.port),
            env=env,
            cwd=folder,
        )

    def start(self) -> None:
        self._wait()
        self.server.start()

    def shell(self, code: str) -> None:
        """Run code in another process than the server's; starting one for each would take most of the time."""
        self._shell.stdin.write(json.dumps(code) + "\n")
        self._shell.stdin.flush()
        self._wait()

    def stop(self) -> None:
        self.server.stop()
        self._shell.communicate()

    def _wait(self) -> None:
        """Until the process has done what it had to; what it prints otherwise is an error."""
        line = self._shell.stdout.readline()
        try:
            assert json.loads(line) == ""
        except ValueError:
            raise AssertionError(line + self._shell.communicate()[0]) from None


@pytest.fixture
def open_recipe(new_project: Path, tmp_path: Path, windows: Windows) -> Iterator[Callable[..., tuple[Page, Reader]]]:
    readers: list[Reader] = []

    def open_recipe(recipe: str, *, app: str = "", path: str = "/") -> tuple[Page, Reader]:
        shutil.copytree(new_project, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        readers.append(Reader(tmp_path, recipe, app))
        readers[0].start()
        page = windows.open(windows.context(url=f"http://127.0.0.1:{readers[0].port}"))
        page.goto(path)
        wait_for_state(page)
        return page, readers[0]

    yield open_recipe
    for reader in readers:
        reader.stop()


def test_search_narrows_the_list_while_the_user_types(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("search")
    page.get_by_role("searchbox").press_sequentially("ink")
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell"])
    expect(page.get_by_role("status")).to_have_text("2 found")
    reader.shell("from board.models import Task; Task.objects.filter(title='Pen').update(title='Ink pen')")
    expect(page.locator("li")).to_have_text(["Ink", "Ink pen", "Inkwell"])
    page.reload()

    expect(page.locator("li")).to_have_text(["Ink", "Ink pen", "Inkwell"])
    expect(page.get_by_role("searchbox")).to_have_value("ink")


def test_filters_apply_at_once_and_say_what_they_do_not_take(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("filters")
    reader.shell(
        "from board.models import Project, Task; from django.contrib.auth.models import User;"
        "ben = User.objects.create(username='ben'); Project.objects.get().members.add(ben);"
        "Task.objects.filter(title='Ink').update(assignee=ben)"
    )
    page.reload()
    wait_for_state(page)
    page.get_by_role("checkbox", name="ada").check()
    expect(page.locator("li")).to_have_text(["Pen"])
    page.get_by_role("checkbox", name="ben").check()
    expect(page.locator("li")).to_have_text(["Ink", "Pen"])
    page.reload()
    wait_for_state(page)
    expect(page.locator("li")).to_have_text(["Ink", "Pen"])
    page.get_by_role("checkbox", name="ben").uncheck()
    expect(page.locator("li")).to_have_text(["Pen"])
    page.get_by_role("checkbox", name="ada").uncheck()
    page.get_by_role("radio", name="Done").check()
    expect(page.locator("li")).to_have_text(["Paper", "Pen"])
    page.get_by_role("checkbox", name="ada").check()
    expect(page.locator("li")).to_have_text(["Pen"])
    page.get_by_role("radio", name="All").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("li")).to_have_count(0)
    page.get_by_role("checkbox", name="ada").uncheck()
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell"])
    page.get_by_role("radio", name="Done").evaluate("(radio) => { radio.value = 'lost' }")
    page.get_by_role("radio", name="Done").check()

    sentence = "Select a valid choice. That choice is not one of the available choices."
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell"])


def test_headers_sort_the_table_and_back_returns_to_the_order_before(
    open_recipe: Callable[..., tuple[Page, Reader]],
) -> None:
    page, reader = open_recipe("sort")
    titles = page.locator("td:first-child")
    header = page.get_by_role("columnheader", name="Title")
    expect(header).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Title, descending").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(titles).to_have_text(["Pen", "Paper", "Inkwell", "Ink"])
    page.get_by_role("button", name="Done, ascending").click()
    expect(titles).to_have_text(["Ink", "Inkwell", "Paper", "Pen"])
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').update(done=True)")
    expect(titles).to_have_text(["Inkwell", "Ink", "Paper", "Pen"])
    expect(header).not_to_have_attribute("aria-sort", re.compile(""))
    page.go_back()

    expect(header).to_have_attribute("aria-sort", "descending")
    expect(titles).to_have_text(["Pen", "Paper", "Inkwell", "Ink"])


def test_pages_are_turned_in_place_and_follow_the_rows(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("pagination")
    expect(page.locator("ul[data-live] > li")).to_have_text(["Ink", "Inkwell"])
    page.get_by_role("link", name="Next").click()
    expect(page.locator("ul[data-live] > li")).to_have_text(["Paper", "Pen"])
    reader.shell("from board.models import Task; Task.objects.create(project_id=1, title='Blotter')")
    expect(page.locator("ul[data-live] > li")).to_have_text(["Inkwell", "Paper"])
    expect(page.get_by_role("link", name="3")).to_be_visible()


def test_an_endless_list_shows_more(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("infinite-list")
    rows = page.locator("li[data-live-key]")
    expect(rows).to_have_text(["Ink", "Inkwell", "Paper", "Pen"])  # the link is in view
    reader.shell("from board.models import Task; Task.objects.create(project_id=1, title='Blotter')")
    expect(rows).to_have_text(["Blotter", "Ink", "Inkwell", "Paper", "Pen"])


def test_a_chat_shows_its_history_upwards(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("chat-history")
    rows = page.locator("p[data-live-key]")
    expect(rows).to_have_text(["Paper", "Pen"])
    page.get_by_role("log").evaluate("(log) => { log.scrollTop = 0 }")
    expect(rows).to_have_text(["Ink", "Inkwell", "Paper", "Pen"])
    reader.shell("from board.models import Task; Task.objects.create(project_id=1, title='Hello')")
    expect(rows).to_have_text(["Inkwell", "Paper", "Pen", "Hello"])


def test_a_detail_page_says_that_its_object_was_deleted(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("detail-page")
    expect(page.get_by_role("heading")).to_have_text("Ink")
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').delete()")
    expect(page.get_by_text("This task was deleted.")).to_be_visible()
    expect(page.get_by_role("heading")).to_have_count(0)


def test_own_messages_are_marked_for_their_author(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("own-messages")
    expect(page.locator("[data-live-own]")).to_contain_text(["Pen"])
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').update(assignee=1)")
    expect(page.locator("[data-live-own]")).to_contain_text(["Ink", "Pen"])
    expect(page.get_by_role("button", name="Edit")).to_have_count(2)


def test_bars_follow_the_rows_of_their_group(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("chart")
    bars = page.get_by_role("row")
    expect(bars).to_have_text([re.compile(r"Nobody\s+3, 1 done"), re.compile(r"ada\s+1, 1 done")])
    reader.shell("from board.models import Task; Task.objects.filter(done=False).update(assignee=1)")
    expect(bars).to_have_text([re.compile(r"ada\s+3, 1 done"), re.compile(r"Nobody\s+1, 1 done")])
    reader.shell("from django.contrib.auth.models import User; User.objects.update(username='Ada')")
    expect(bars.first).to_contain_text("Ada")
    reader.shell("from board.models import Task; Task.objects.filter(assignee=None).delete()")
    expect(bars).to_have_count(1)


def test_text_stands_in_place_of_rows(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("empty-list")
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell", "Paper", "Pen"])
    reader.shell("from board.models import Task; Task.objects.all().delete()")
    expect(page.locator("li")).to_have_text(["Nothing to do in One. Add a task!"])
    reader.shell("from board.models import Task; Task.objects.create(project_id=1, title='Ink')")
    expect(page.locator("li")).to_have_text(["Ink"])


def test_generic_views_are_live_and_lead_to_the_login_after_logout(
    open_recipe: Callable[..., tuple[Page, Reader]],
) -> None:
    page, reader = open_recipe("class-based-views")
    expect(page.locator("ul[data-live] > li")).to_have_text(["Ink", "Inkwell", "Paper"])
    page.get_by_role("link", name="Next").click()
    expect(page.locator("ul[data-live] > li")).to_have_text(["Pen"])
    page.get_by_role("link", name="Pen").click()
    wait_for_state(page)
    reader.shell("from board.models import Task; Task.objects.filter(title='Pen').update(title='Pencil')")
    expect(page.get_by_role("heading")).to_have_text("Pencil")
    page.goto("/")
    wait_for_state(page)
    reader.shell("from django.contrib.sessions.models import Session; Session.objects.all().delete()")
    page.wait_for_url("**/accounts/login/**")


def test_a_cached_list_catches_up(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("include-and-cache")
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell", "Paper", "Pen"])
    reader.shell("from board.models import Task; Task.objects.filter(title='Pen').delete()")
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell", "Paper"])
    cached = page.request.get("/").text()
    assert "Pen" in cached
    page.reload()
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell", "Paper"])


def test_a_job_shows_its_progress_and_result(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("progress")
    reader.shell(
        "from django.contrib.auth import get_user_model; from board.jobs import complete_all;"
        "from board.models import Project;"
        "complete_all(get_user_model().objects.get(), Project.objects.get())"
    )
    expect(page.get_by_role("progressbar", name="Complete all tasks")).to_have_attribute("value", "100")
    expect(page.get_by_role("article")).to_contain_text("2 tasks completed.")
    page.reload()
    expect(page.get_by_role("article")).to_contain_text("Done")


def test_a_range_of_dates_narrows_the_list_and_refuses_its_reverse(
    open_recipe: Callable[..., tuple[Page, Reader]],
) -> None:
    page, reader = open_recipe("date-range")
    until = page.locator("[name=until]")
    dates = "{'Ink': '2026-03-01', 'Paper': '2026-03-02', 'Pen': '2026-03-03'}.items()"
    update = "Task.objects.filter(title=title).update(due=due)"
    reader.shell(f"from board.models import Task\nfor title, due in {dates}: {update}")
    page.get_by_label("From").fill("2026-03-02")
    expect(page.locator("li")).to_have_text(["Paper, due 2026-03-02", "Pen, due 2026-03-03"])
    until.fill("2026-03-01")
    expect(page.get_by_text("Choose a day after the first one.")).to_be_visible()
    expect(page.locator("li")).to_have_count(2)
    until.fill("2026-03-02")
    expect(page.locator("li")).to_have_text(["Paper, due 2026-03-02"])
    expect(page.get_by_text("Choose a day after the first one.")).to_have_count(0)
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').update(due='2026-03-02')")
    expect(page.locator("li")).to_have_text(["Ink, due 2026-03-02", "Paper, due 2026-03-02"])


@pytest.mark.skipif(django.VERSION < (6,), reason="Django 6 has partials.")
def test_a_partial_is_the_template_of_a_row(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("template-partials")
    expect(page.locator("li")).to_have_text(["Ink", "Inkwell", "Paper", "Pen"])
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').update(title='Quill')")
    expect(page.locator("li")).to_have_text(["Inkwell", "Paper", "Pen", "Quill"])


def test_a_badge_in_the_base_template_counts(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("badge")
    expect(page.locator(".badge")).to_have_text("0")
    reader.shell("from board.models import Task; Task.objects.update(assignee=1)")
    expect(page.locator(".badge")).to_have_text("2")


def test_a_button_shows_for_the_author_alone(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("author-only")
    expect(page.get_by_role("button", name="Edit")).to_have_count(1)
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("li").last).to_contain_text("Edited")
    reader.shell("from board.models import Task; Task.objects.update(assignee=None)")
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)


def test_new_rows_are_counted_and_marked_until_the_user_sees_them(
    open_recipe: Callable[..., tuple[Page, Reader]],
) -> None:
    page, reader = open_recipe("unread")
    expect(page.locator(".badge")).to_be_empty()
    expect(page.locator("[data-live-unread]")).to_have_text(["Ink", "Inkwell", "Paper"])  # "Pen" is ada's own
    page.reload()
    wait_for_state(page)
    expect(page.locator("[data-live-unread]")).to_have_count(0)
    page.evaluate("""() => {
        Object.defineProperty(Document.prototype, "visibilityState", {get: () => "hidden", configurable: true})
        document.dispatchEvent(new Event("visibilitychange"))
    }""")
    reader.shell("from board.models import Task; Task.objects.create(project_id=1, title='Quill')")
    expect(page.locator(".badge")).to_have_text("1")
    expect(page.locator("[data-live-unread]")).to_have_text(["Quill"])


def test_a_toast_is_counted_until_it_is_dismissed(open_recipe: Callable[..., tuple[Page, Reader]]) -> None:
    page, reader = open_recipe("toast")
    expect(page.locator(".badge")).to_be_empty()
    reader.shell(
        "from django.contrib.auth import get_user_model; from board.exports import finish_export;"
        "finish_export(get_user_model().objects.get(), '/a/')"
    )
    expect(page.get_by_role("status").get_by_role("link", name="Your export is ready.")).to_be_visible()
    expect(page.locator(".badge")).to_have_text("1")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("status").get_by_role("link")).to_have_count(0)
    expect(page.locator(".badge")).to_be_empty()


def test_a_table_of_django_tables2_is_live_and_its_links_sort_and_turn_pages(
    open_recipe: Callable[..., tuple[Page, Reader]],
) -> None:
    page, reader = open_recipe("django-tables2", app="django_tables2", path="/1/")
    rows = page.locator("tbody tr")
    expect(rows).to_have_text([re.compile(r"INK\s*✘\s*Nobody"), re.compile("INKWELL"), re.compile("PAPER")])
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_text([re.compile(r"PEN\s*✔\s*ada")])
    reader.shell("from django.contrib.auth.models import User; User.objects.update(username='Ada')")
    expect(rows).to_have_text([re.compile(r"PEN\s*✔\s*Ada")])
    found = re.findall("<td >([A-Z]+)</td>", page.request.get("/1/?sort=-title&page=2").text())
    assert found == ["INK"]  # which needs no script
    page.goto("/1/")
    page.get_by_role("link", name="Title").click()
    wait_for_state(page)
    expect(page.get_by_role("columnheader", name="Title")).to_have_class(re.compile(r"\bdesc\b"))
    expect(rows).to_have_text([re.compile("PEN"), re.compile("PAPER"), re.compile("INKWELL")])
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').update(title='Quill')")
    expect(rows).to_have_text([re.compile("QUILL"), re.compile("PEN"), re.compile("PAPER")])
    reader.shell("from board.models import Task; Task.objects.all().delete()")
    expect(rows).to_have_text(["Nothing to do."])
    reader.shell("from board.models import Task; Task.objects.create(project_id=1, title='<b>Ink')")
    expect(rows).to_have_text([re.compile("<B>INK")])

    assert page.request.get("/1/?sort=project").status == 400
    reader.shell("from board.models import Project; Project.objects.get().members.clear()")
    expect(page.locator("tbody")).not_to_contain_text("INK")
    assert page.request.get("/1/").status == 404


def test_a_filter_set_narrows_a_live_list_in_place_and_without_javascript(
    open_recipe: Callable[..., tuple[Page, Reader]], windows: Windows
) -> None:
    page, reader = open_recipe("django-filter", app="django_filters", path="/1/")
    rows = page.locator("li")
    page.get_by_label("Title").press_sequentially("in")
    expect(rows).to_have_text(["Ink", "Inkwell"])
    page.get_by_label("Done").select_option("true")
    expect(rows).to_have_text(["No task matches."])
    reader.shell("from board.models import Task; Task.objects.filter(title='Ink').update(done=True, due='2026-03-02')")
    expect(rows).to_have_text(["Ink"])
    until = page.get_by_label("Due until")
    until.fill("2026-03-01")
    expect(rows).to_have_text(["No task matches."])
    until.fill("2026-03-02")
    expect(rows).to_have_text(["Ink"])
    until.evaluate("(input) => { input.type = 'text' }")
    until.fill("soon")
    expect(page.get_by_text("Enter a valid date.")).to_be_visible()
    expect(rows).to_have_text(["Ink"])
    page.reload()
    expect(rows).to_have_text(["Ink"])

    plain = windows.open(windows.context(java_script_enabled=False, url=f"http://127.0.0.1:{reader.port}"))
    plain.goto("/1/")
    plain.get_by_label("Title").fill("ink")
    plain.get_by_label("Done").select_option("false")
    plain.get_by_role("button", name="Show").click()
    expect(plain.locator("li")).to_have_text(["Inkwell"])
    plain.goto("/1/?until=soon")
    expect(plain.get_by_text("Enter a valid date.")).to_be_visible()
    assert "Inkwell" not in plain.content()


def test_an_upload_shows_its_progress_and_its_rows_to_all(
    open_recipe: Callable[..., tuple[Page, Reader]], windows: Windows
) -> None:
    page, reader = open_recipe("upload", path="/1/")
    other = windows.open(windows.context(url=f"http://127.0.0.1:{reader.port}"))
    other.goto("/1/")
    wait_for_state(other)
    other.evaluate("window.isSamePage = true")
    field, button = page.get_by_label("A text file"), page.get_by_role("button", name="Upload")
    field.set_input_files({"name": "ink.png", "mimeType": "image/png", "buffer": b"\x89PNG"})
    button.click()
    expect(page.get_by_text("Choose a text file.")).to_be_visible()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
    network.send("Network.emulateNetworkConditions", limits | {"uploadThroughput": 50_000})
    titles = b"Blotter\nQuill" + b"\n" * 200_000
    field.set_input_files({"name": "titles.txt", "mimeType": "text/plain", "buffer": titles})
    button.click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    network.send("Network.emulateNetworkConditions", limits | {"uploadThroughput": -1})
    expect(page.locator("li")).to_have_text(["Blotter", "Ink", "Inkwell", "Paper", "Pen", "Quill"])
    expect(other.locator("li")).to_have_text(["Blotter", "Ink", "Inkwell", "Paper", "Pen", "Quill"])
    assert other.evaluate("window.isSamePage")
