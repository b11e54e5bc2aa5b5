"""The suites: whose tests are run, how they are started, and on which databases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

DATABASES = ("sqlite", "postgresql", "mysql")
CAPTURES = ("orm", "triggers", "signals")
# without what would find this checkout from below it, and without a suite's own wishes, as for several processes
PYTEST = (
    "-m",
    "pytest",
    "-q",
    "--rootdir=.",
    "-p",
    "no:cacheprovider",
    "-o",
    "addopts=",
    "-o",
    "django_find_project=0",
)


@dataclass(frozen=True)
class Suite:
    """One project's tests. If they cannot be run, `missing` says why."""

    name: str
    requirement: str
    """What is installed, and whose source distribution has the tests."""

    command: tuple[str, ...] = ()
    """What `python -m realtime_compat` runs, in `folder`."""

    folder: str = "."
    """Where in the source distribution it is started."""

    also: tuple[str, ...] = ()
    """More packages that the tests need."""

    shares: str = ""
    """The name of the environment that it shares with others; if empty, it has its own."""

    databases: tuple[str, ...] = ("sqlite",)
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Settings that replace the tests' own."""

    timed: tuple[str, ...] = ()
    """Tests that measure time, which fail on a busy machine with the app and without; they are left out."""

    part_of: str = ""
    """The suite whose tests it has a part of, and whose differences are listed."""

    missing: str = ""

    @property
    def package(self) -> str:
        """Its name on the package index."""
        return re.split(r"==|\[", self.requirement, maxsplit=1)[0]

    @property
    def title(self) -> str:
        """Its name in the docs."""
        return {"django": "Django", "django-writing": "Django: tests that write"}.get(self.name, self.package)


# Labels of Django's tests that are not about the ORM, transactions, admin, auth, sessions, fixtures, migrations or
# generic views.
UNRELATED = """
    admin_scripts asgi bash_completion builtin_server cache conditional_processing context_processors csrf_tests
    dbshell decorators deprecation dispatch file_storage file_uploads files gis_tests handlers httpwrappers
    humanize_tests i18n import_error_package logging_tests mail middleware middleware_exceptions no_models
    project_template requests_tests requirements responses settings_tests shell shortcuts signed_cookies_tests signing
    sphinx staticfiles_tests template_backends template_loader template_tests templates test_client
    test_client_regress test_exceptions test_runner test_runner_apps test_utils urlpatterns urlpatterns_reverse
    utils_tests version view_tests wsgi
"""
GROUP_SIZE = 16  # labels of one process

# Those among them that write in most of the ways that there are, for a run of a minute.
WRITING = """
    basic bulk_create composite_pk custom_pk delete delete_regress force_insert_update foreign_object
    generic_relations get_or_create m2m_regress m2m_signals m2m_through many_to_many many_to_one
    model_inheritance multiple_database one_to_one order_with_respect_to proxy_models save_delete_hooks
    select_for_update sessions_tests signals transaction_hooks transactions update update_only_fields fixtures
    queries.test_bulk_update
"""

DJANGO = Suite(
    "django",
    "django",
    ("runtests.py", "--parallel=1", "--noinput", "--settings=realtime_compat.settings"),
    folder="tests",
    also=("PyYAML", "jinja2", "docutils", "tblib"),
    shares="django",
    databases=DATABASES,
    settings={"DATABASES": {alias: {"ENGINE": "django.db.backends.sqlite3"} for alias in ("default", "other")}},
    timed=("serializers.test_deserialization.TestDeserializer.test_crafted_xml_performance",),
)
DJANGO_WRITING = replace(DJANGO, name="django-writing", part_of="django")


def django_groups(source: Path) -> tuple[tuple[str, ...], ...]:
    """Django's labels, a few dozen for each process."""
    found = sorted(path.parent.name for path in (source / DJANGO.folder).glob("*/__init__.py"))
    labels = [label for label in found if label not in UNRELATED.split()]
    return tuple(tuple(labels[start : start + GROUP_SIZE]) for start in range(0, len(labels), GROUP_SIZE))


LOCAL_MEMORY = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10e9}}
NO_TESTS = "its source distribution has no tests"
HALF = "its source distribution lacks modules that its tests import"
RUNNER = ("pytest==8.4.2", "pytest-django==4.11.1")

SUITES: tuple[Suite, ...] = (
    DJANGO,
    DJANGO_WRITING,
    Suite(
        "ordered-model",
        "django-ordered-model==3.7.4",
        ("-m", "django", "test", "tests"),
        also=("djangorestframework==3.18.3",),
        shares="small",
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    ),
    Suite(
        "model-utils",
        "django-model-utils==5.0.0",
        PYTEST,
        also=(*RUNNER, "time-machine==2.16.0"),
        shares="small",
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "tests.settings", "SQLITE": "1"},
    ),
    Suite(
        "treebeard",
        "django-treebeard==7.0.3",
        (*PYTEST, "tests", "--ignore=tests/test_benchmarks.py"),
        also=RUNNER,
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    ),
    Suite(
        "safedelete",
        "django-safedelete==1.5.0",
        ("-m", "django", "test", "safedelete"),
        shares="small",
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "safedelete.tests.settings"},
    ),
    Suite(
        "simple-history",
        "django-simple-history==3.13.0",
        ("runtests.py",),
        also=("Pillow",),
        databases=DATABASES,
    ),
    Suite(
        "filter",
        "django-filter==26.2",
        ("runtests.py",),
        also=("djangorestframework==3.18.3", "django-crispy-forms", "pytz"),
        databases=DATABASES,
    ),
    Suite(
        "import-export",
        "django-import-export[all]==4.4.3",
        ("tests/manage.py", "test", "core"),
        also=("parameterized", "chardet", "memory-profiler", "django-extensions", "pytz"),
        databases=DATABASES,
    ),
    Suite(
        "auditlog",
        "django-auditlog==3.4.1",
        ("manage.py", "test"),
        folder="auditlog_tests",
        also=("freezegun",),
        databases=DATABASES,
    ),
    Suite(
        "cachalot",
        "django-cachalot==2.9.1",
        ("runtests.py",),
        also=("jinja2", "beautifulsoup4", "django-debug-toolbar", "pytz", "django-redis"),
        databases=DATABASES,
        settings={"CACHES": {"default": LOCAL_MEMORY, "locmem": LOCAL_MEMORY | {"LOCATION": "second"}}},
    ),
    Suite(
        "cacheops",
        "django-cacheops==7.2",
        PYTEST,
        also=(*RUNNER, "before_after==1.0.1", "jinja2", "dill"),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    ),
    Suite(
        "celery-beat",
        "django-celery-beat==2.9.0",
        (*PYTEST, "t/unit"),
        also=(*RUNNER, "pytest-timeout", "pytest-subtests", "ephem"),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "t.proj.settings"},
    ),
    Suite(
        "debug-toolbar",
        "django-debug-toolbar==8.0.0",
        ("-m", "django", "test", "tests"),
        also=("jinja2", "html5lib", "pygments", "django-csp", "django-template-partials", "daphne"),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    ),
    Suite(
        "taggit",
        "django-taggit==5.0.1",
        ("-m", "django", "test", "tests"),
        also=("djangorestframework==3.18.3",),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    ),
    Suite(
        "scopes",
        "django-scopes==2.1.0",
        (*PYTEST, "--import-mode=importlib", "-o", "consider_namespace_packages=1", "tests"),
        also=RUNNER,
        shares="small",
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "realtime_compat.settings", "REALTIME_COMPAT_APPS": "tests.testapp"},
        settings={"ROOT_URLCONF": "tests.testapp.urls"},
    ),
    Suite(
        "parler",
        "django-parler==2.4",
        ("-m", "django", "test", "parler"),
        databases=DATABASES,
        environment={
            "DJANGO_SETTINGS_MODULE": "realtime_compat.settings",
            "REALTIME_COMPAT_APPS": "parler parler.tests.testapp",
        },
        settings={
            "ROOT_URLCONF": "parler.tests.testapp.urls",
            "DATABASES": {
                alias: {"ENGINE": "django.db.backends.sqlite3"} for alias in ("default", "other_db_1", "other_db_2")
            },
            "SITE_ID": 4,
            "LANGUAGE_CODE": "en",
            "LANGUAGES": [("nl", "Dutch"), ("de", "German"), ("en", "English"), ("fr", "French")],
            "PARLER_LANGUAGES": {
                4: [{"code": "nl"}, {"code": "de"}, {"code": "en"}],
                "default": {"fallbacks": ["en"]},
            },
        },
    ),
    Suite(
        "silk",
        "django-silk==5.6.0",
        (*PYTEST, "tests", "-k", "not test_time_taken"),  # which fails on a busy machine
        folder="project",
        also=(*RUNNER, "factory-boy", "freezegun", "networkx", "pydot", "Pillow", "contextlib2", "autopep8", "jinja2"),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "project.settings", "DB_ENGINE": "sqlite3", "DB_NAME": ":memory:"},
    ),
    Suite(
        "guardian",
        "django-guardian==3.5.2",
        (*PYTEST, "guardian/testapp/tests"),
        also=(*RUNNER, "django-environ"),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "guardian.testapp.testsettings"},
    ),
    Suite(
        "modeltranslation",
        "django-modeltranslation==0.20.6",
        (*PYTEST, "modeltranslation/tests"),
        also=(*RUNNER, "django-stubs-ext", "parameterized", "typing-extensions"),
        databases=DATABASES,
        environment={"DJANGO_SETTINGS_MODULE": "modeltranslation.tests.settings"},
    ),
    Suite(
        "reversion",
        "django-reversion==6.4.0",
        ("manage.py", "test", "test_app"),
        folder="tests",
        databases=DATABASES,
    ),
    Suite(
        "rest-framework",
        "djangorestframework==3.18.3",
        (*PYTEST, "tests"),
        also=(
            *RUNNER,
            "dj-database-url",
            "django-filter",
            "django-guardian",
            "markdown",
            "pygments",
            "pyyaml",
            "requests",
            "uritemplate",
            "inflection",
            "pytz",
            "coreapi",
            "coreschema",
            "setuptools<81",
        ),
        databases=DATABASES,
    ),
    Suite(
        "postgres-copy",
        "django-postgres-copy==2.8.0",
        (*PYTEST, "-o", "python_files=test*.py", "tests"),
        also=RUNNER,
        databases=("postgresql",),
    ),
    Suite(
        "allauth",
        "django-allauth[socialaccount,mfa,headless,headless-spec,idp-oidc,saml,steam,openid]==65.22.1",
        (*PYTEST, "tests"),
        also=(*RUNNER, "pytest-asyncio", "django-ninja", "djangorestframework"),
        databases=("sqlite",),
        environment={"DJANGO_SETTINGS_MODULE": "tests.projects.regular.settings"},
    ),
    Suite(
        "django-cms",
        "django-cms==5.1.3",
        ("manage.py", "test"),
        also=(
            "dj-database-url",
            "django-app-helper",
            "django-classy-tags",
            "django-formtools",
            "django-sekizai",
            "djangocms-admin-style",
            "djangocms-text",
            "iptools",
            "mock",
            "Pillow",
            "pyflakes",
            "unittest-xml-reporting",
            "argparse",
        ),
    ),
    Suite(
        "wagtail",
        "wagtail==8.0.1",
        ("-m", "django", "test", "wagtail.tests"),
        also=("jinja2", "freezegun", "responses", "boto3", "django-pattern-library", "polib", "factory-boy"),
        environment={"DJANGO_SETTINGS_MODULE": "wagtail.test.settings"},
    ),
    *(
        Suite(package, package, missing=NO_TESTS)
        for package in (
            "django-mptt",
            "django-polymorphic",
            "django-lifecycle",
            "django-pghistory",
            "django-pgtrigger",
        )
    ),
    Suite("helpdesk", "django-helpdesk", missing=f"{NO_TESTS} (since 2.0; 1.6 has tests, without their settings)"),
    Suite("oscar", "django-oscar", missing=f"{NO_TESTS}, only the helpers of its tests"),
    Suite("oauth-toolkit", "django-oauth-toolkit", missing=HALF),
    Suite("postgres-extra", "django-postgres-extra", missing=HALF),
)


def requirements(suite: Suite) -> list[str]:
    """What the suite's environment has to have, besides Django."""
    sharing = [other for other in SUITES if other.shares == suite.shares] if suite.shares else [suite]
    wanted = [(() if item.package == "django" else (item.requirement,)) + item.also for item in sharing]
    return sorted({requirement for item in wanted for requirement in item})
