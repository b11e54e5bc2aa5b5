"""What the wheel holds, and that it works where nothing else is installed."""

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from realtime import __version__
from tests.packaging.conftest import run

EXTRAS = {"client", "drf", "postgres", "postgresql", "prometheus", "redis", "uvicorn"}
ROOT = Path(__file__).resolve().parents[2]


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {path for path in listed.stdout.splitlines() if (ROOT / path).exists()}


def held(wheel: Path) -> set[str]:
    """The files of a wheel, without what describes it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def described(wheel: Path, name: str) -> str:
    """A file of those that describe it."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [each for each in archive.namelist() if each.endswith(f".dist-info/{name}")]
        return archive.read(path).decode()


def metadata(wheel: Path) -> Message:
    return HeaderParser().parsestr(described(wheel, "METADATA"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    files = held(wheel)

    assert files == tracked("realtime") | {"pytest_realtime.py"}
    assert {
        "realtime/py.typed",
        "realtime/static/realtime/realtime.js",
        "realtime/static/realtime/realtime.d.ts",
        "realtime/locale/de/LC_MESSAGES/django.mo",
    } <= files


def test_the_wheel_bears_the_version_of_the_package(wheel):
    package = json.loads((ROOT / "realtime/static/realtime/package.json").read_text())

    assert metadata(wheel)["Version"] == __version__ == package["version"]


def test_the_wheel_names_its_extras_and_what_it_runs_on(wheel):
    about = metadata(wheel)
    oldest = tuple(map(int, about["Requires-Python"].removeprefix(">=").split(".")))
    named = {line.rpartition(" ")[2] for line in about.get_all("Classifier") if "Python :: 3." in line}

    assert set(about.get_all("Provides-Extra")) == EXTRAS
    assert min(tuple(map(int, name.split("."))) for name in named) == oldest
    assert "Typing :: Typed" in about.get_all("Classifier")
    assert (about["License-Expression"], about["Description-Content-Type"]) == ("BSD-3-Clause", "text/markdown")
    assert "pytest_realtime" in described(wheel, "entry_points.txt")


def test_what_an_extra_asks_for_is_what_the_tests_run_on(wheel):
    def name(requirement: str) -> str:
        return re.split("[^a-z0-9-]", requirement.lower())[0]

    lists = [(ROOT / path).read_text() for path in ("requirements.txt", "requirements-dev.txt")]
    tested = {name(line) for text in lists for line in text.splitlines()}

    assert set(map(name, metadata(wheel).get_all("Requires-Dist"))) <= tested


def test_the_wheel_made_of_the_source_distribution_is_the_same(dist, wheel, tmp_path):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again"), cwd=folder)
    (again,) = (tmp_path / "again").iterdir()

    assert held(again) == held(wheel)
    assert metadata(again)["Version"] == __version__


def test_the_source_distribution_holds_the_package_without_tests_and_demo(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        folders = {name.split("/")[1] for name in archive.getnames()}

    assert "realtime" in folders
    assert not {"tests", "demo_project", "browser", "templates", "manage.py"} & folders


def test_the_package_can_be_imported_before_settings_exist(installed):
    output = installed("-c", "import realtime; print(realtime.__version__, realtime.ModelStream.__name__)")

    assert output.split() == [__version__, "ModelStream"]


def test_a_new_project_finds_the_tags_the_static_files_and_the_migrations(installed, tmp_path):
    installed("-m", "django", "startproject", "mysite", ".", cwd=tmp_path)
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS = ["daphne", *INSTALLED_APPS, "realtime"]\n')
        settings.write('ASGI_APPLICATION = "mysite.asgi.application"\n')

    installed("manage.py", "migrate", "--verbosity", "0", cwd=tmp_path)
    found = installed("manage.py", "findstatic", "--verbosity", "0", "realtime/realtime.js", cwd=tmp_path)
    code = (
        "from django.template import Context, Template;"
        "print(Template('{% load realtime %}{% realtime_script %}').render(Context()))"
    )
    tag = installed("manage.py", "shell", "-v", "0", "-c", code, cwd=tmp_path)

    assert Path(found.strip()).name == "realtime.js"
    assert 'src="/static/realtime/realtime.js"' in tag


def test_a_project_tests_its_streams_with_the_plugin(installed, tested, tmp_path):
    installed("-m", "django", "startproject", "mysite", ".", cwd=tmp_path)
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS = ["daphne", *INSTALLED_APPS, "realtime", "mysite"]\n')
        settings.write('ASGI_APPLICATION = "mysite.asgi.application"\n')
    (tmp_path / "mysite" / "streams.py").write_text(STREAM)
    (tmp_path / "test_site.py").write_text(TEST)

    output = tested("-q", "--ds=mysite.settings", "test_site.py", cwd=tmp_path)

    assert "2 passed" in output


def test_the_plugin_asks_nothing_of_projects_that_do_not_use_it(tested, tmp_path):
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\ndef test_nothing():\n    assert not {'django', 'realtime'} & set(sys.modules)\n"
    )

    output = tested("-p", "no:django", "test_nothing.py", cwd=tmp_path)

    assert "1 passed" in output
    assert "django-live-queries" in output


STREAM = """
from django.contrib.auth.models import Group
from realtime import ModelStream, register


@register("groups")
class GroupStream(ModelStream):
    model = Group
    fields = ["name"]

    def authorize(self, user):
        return user.is_staff
"""

TEST = """
import pytest
from django.contrib.auth.models import Group, User
from django.test import TestCase
from realtime.testing import Viewer, capture_pushes as capture


@pytest.mark.django_db
def test_fixtures(capture_pushes, viewer_of):
    staff = viewer_of("groups", user=User.objects.create_user("ada", is_staff=True))
    with capture_pushes(staff) as pushed:
        group = Group.objects.create(name="one")
    assert pushed[staff].puts == {str(group.pk): {"name": "one"}}


class GroupTests(TestCase):
    def test_somebody_who_is_no_staff_any_more(self):
        user = User.objects.create_user("ada", is_staff=True)
        staff = Viewer("groups", user=user)
        with capture(staff) as pushed:
            User.objects.update(is_staff=False)
        self.assertEqual(pushed[staff].refusal.code, 4214)
"""
