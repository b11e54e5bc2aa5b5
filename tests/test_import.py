"""The package is imported before Django's apps are ready, and its migrations are complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.management import call_command

import realtime


def test_import_needs_neither_settings_nor_apps():
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    code = "import realtime; print(*(name for name in realtime.__all__ if not hasattr(realtime, name)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_start_sets_up_no_template_engine():
    code = (
        "import django; django.setup(); from django.template.utils import get_app_template_dirs as found; "
        "from realtime.streams.registry import registry; "
        "print(any(stream.template_name for stream in registry), found.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True 0", "")


def test_build_step_needs_no_secret_key():
    code = (
        "from django.conf import settings; settings.configure(INSTALLED_APPS=['django.contrib.auth', "
        "'django.contrib.contenttypes', 'django.contrib.staticfiles', 'realtime'], "
        "STATIC_URL='/static/', STATIC_ROOT='unused'); "
        "import django; django.setup(); from django.core.management import call_command; "
        "call_command('collectstatic', dry_run=True, interactive=False, verbosity=0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_unknown_name_is_an_attribute_error():
    assert set(realtime.__all__) <= set(dir(realtime))
    with pytest.raises(AttributeError, match="^module 'realtime' has no attribute 'nothing'$"):
        realtime.nothing  # noqa: B018


def test_public_names_are_sorted():
    assert sorted(realtime.__all__) == realtime.__all__


@pytest.mark.django_db
def test_models_have_their_migrations():
    call_command("makemigrations", "realtime", check=True, dry_run=True, verbosity=0)
