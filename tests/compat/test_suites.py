"""Other people's tests, with every model live: those of Django that write, and a few small apps."""

import os

import django
import pytest

from compat.__main__ import compared
from compat.suites import DJANGO_WRITING, SUITES

pytestmark = pytest.mark.timeout(1200)

SMALL = [suite for suite in SUITES if suite.name in {"safedelete", "scopes"}]  # they take the least time


def assert_harmless(suite):
    [line] = list(compared(suite, databases=["sqlite"], captures=["orm"], lazily=True))
    if line.missing:
        assert os.environ.get("CI") != "true", line.summary
        pytest.skip(line.summary)
    assert line.is_good, "\n\n".join(
        [line.summary, *(f"{test.test}\n{test.detail}" for test in line.comparison.new[:20])]
    )


def test_tests_of_django():
    assert_harmless(DJANGO_WRITING)


@pytest.mark.skipif(django.VERSION >= (6,), reason="the versions of the apps in the table are for the LTS")
@pytest.mark.parametrize("suite", SMALL, ids=lambda suite: suite.name)
def test_tests_of_other_apps(suite):
    assert_harmless(suite)
