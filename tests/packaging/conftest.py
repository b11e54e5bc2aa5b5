"""The wheel, built from the checkout and installed into an environment that has nothing else."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., str]


def run(*command: str, cwd: Path) -> str:
    # Without the variables by which a process of the tests would find the checkout and its settings.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def pip_install(python: str, *packages: str, cwd: Path) -> None:
    """Install packages for this Python with the pip of the tests; what is used is compiled when it is used."""
    pip = (sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--no-compile", *packages, cwd=cwd)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (wheel,) = dist.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def bare_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of a virtual environment in which only the wheel and what it depends on are installed."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv")
    python = str(folder / "venv" / "bin" / "python")
    pip_install(python, str(wheel), cwd=folder)
    return python


@pytest.fixture(scope="session")
def installed(bare_python: str) -> Run:
    """Runs the Python of that environment."""
    # The working directory is no checkout, which would shadow the wheel.
    folder = Path(bare_python).parents[2]
    return lambda *arguments, cwd=folder: run(bare_python, *arguments, cwd=cwd)


@pytest.fixture(scope="session")
def tested(installed: Run, bare_python: str) -> Run:
    """Runs pytest in that environment, which gets it beside the wheel."""
    pip_install(bare_python, "pytest", "pytest-django", cwd=Path(bare_python).parents[2])
    return lambda *arguments, cwd: installed("-m", "pytest", "-p", "no:cacheprovider", *arguments, cwd=cwd)
