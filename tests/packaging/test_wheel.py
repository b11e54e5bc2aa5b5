"""What the wheel holds, and that it works where nothing else is installed."""

import subprocess
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from realtime import __version__

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


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert files == tracked("realtime")
    assert {"realtime/py.typed", "realtime/static/realtime/realtime.js"} <= files


def test_the_wheel_bears_the_version_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(path).decode())

    assert metadata["Version"] == __version__


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
