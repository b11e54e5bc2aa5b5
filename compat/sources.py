"""Sources: another project's source distribution, and an environment with it and our wheel, kept in `build/compat`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from compat.suites import Suite

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "compat"
DRIVERS = ("psycopg[binary]>=3.2,<4", "PyMySQL>=1.2,<2")


class NotAvailable(Exception):
    """A package, or its tests, cannot be had."""


def django() -> str:
    """The requirement of the Django that this environment has."""
    return f"django=={version('django')}"


def source(suite: Suite) -> Path:
    """The folder of the suite's source distribution, downloaded once."""
    requirement = django() if suite.package == "django" else re.sub(r"\[.*\]", "", suite.requirement)
    folder = BUILD / "sources" / requirement
    if not folder.exists():
        downloads = BUILD / "downloads" / requirement
        pip("download", "--no-deps", "--no-binary", suite.package, "--dest", str(downloads), requirement)
        (archive,) = downloads.iterdir()
        _unpack(archive, folder)
        (folder.parent / "pytest.ini").write_text("[pytest]\n")  # or pytest would find the checkout's configuration
    (inside,) = folder.iterdir()
    return inside


def _unpack(archive: Path, folder: Path) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(partial)
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(partial, filter="data")
    partial.rename(folder)


def wheel() -> Path:
    """Our own wheel, built anew when the sources have changed."""
    folder = BUILD / "wheels" / _fingerprint()
    if not list(folder.glob("*.whl")):
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (found,) = folder.glob("*.whl")
    return found


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "realtime").rglob("*"), ROOT / "pytest_realtime.py", ROOT / "pyproject.toml"]):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The Python of an environment that has these packages, this Django, the drivers of databases, and our wheel."""
    wanted = [django(), *DRIVERS, *requirements]
    folder = BUILD / "environments" / f"{name}-{hashlib.sha256(repr(wanted).encode()).hexdigest()[:8]}"
    python, stamp, built = folder / "bin" / "python", folder / "wheel.stamp", wheel()
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", "--without-pip", str(folder))
        pip("--python", str(python), "install", "--no-compile", str(built), *wanted)
    elif stamp.read_text() != built.parent.name:
        pip("--python", str(python), "install", "--force-reinstall", "--no-deps", str(built))
    stamp.write_text(built.parent.name)
    return python


def pip(*arguments: str) -> None:
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def run(*command: str) -> None:
    """Run a command in the checkout. Raise `NotAvailable` with its last words."""
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if done.returncode:
        raise NotAvailable(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
