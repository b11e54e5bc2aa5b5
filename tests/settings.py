"""Settings of the test project: one tiny app, the demo's board, and the database that the environment names."""

import atexit
import os
import tempfile
from pathlib import Path

from tests.support.addresses import database
from tests.support.services import url

SECRET_KEY = "only for tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "realtime",
    "demo_project.assistant",
    "demo_project.board",
    "demo_project.chat",
    "demo_project.dashboard",
    "demo_project.showcase",
    "tests",
    "tests.capture",
    "tests.fields",
    "tests.oracle",
    "tests.shapes",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).resolve().parents[1] / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.urls"
ASGI_APPLICATION = "tests.asgi.application"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = True
REALTIME_QUERY_SECONDS = 60.0  # nothing is slow because the machine is busy
REALTIME_CAPTURE = os.environ.get("REALTIME_TEST_CAPTURE", "orm")
# The tests' own app has no migrations, so what its tables refer to is made together with them.
MIGRATION_MODULES = dict.fromkeys(["admin", "auth", "contenttypes", "sessions"])

# One name for all processes of a test run, and another for a run beside it.
RUN = os.environ.setdefault("REALTIME_TEST_RUN", str(os.getpid()))

if (BACKEND := os.environ.get("REALTIME_TEST_DATABASE", "sqlite")) == "sqlite":
    # A file: an in-memory database is one connection's own, and has no other processes.
    FILE = Path(tempfile.gettempdir()) / f"realtime_{RUN}.sqlite3"
    if str(os.getpid()) == RUN:
        atexit.register(lambda: [path.unlink() for path in FILE.parent.glob(f"{FILE.name}*")])
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",  # for commands that are no tests, and need no file
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",  # no test cuts the power
            },
            "TEST": {"NAME": str(FILE)},
        }
    }
elif BACKEND in ("postgresql", "mysql"):
    DATABASES = {"default": database(url(BACKEND)) | {"NAME": f"realtime_{RUN}"}}
    if BACKEND == "mysql":
        import pymysql

        pymysql.install_as_MySQLdb()
        # PyMySQL would read all certificates of this machine for each connection: 25 ms, where a test takes 20
        DATABASES["default"]["OPTIONS"] = {"ssl_disabled": True}
else:
    raise ValueError(
        f"REALTIME_TEST_DATABASE is {BACKEND!r}, which is no database of the tests: set it to 'sqlite', "
        "'postgresql' or 'mysql', or leave it out for 'sqlite'."
    )
