"""Other people's tests, with every model live: those of Django that write. `make compat` runs many more."""

import os

import pytest

from compat.__main__ import compared
from compat.suites import DJANGO

pytestmark = pytest.mark.timeout(1200)

# Those of the suite `django-writing` that write in ways of their own; some of its labels mostly read.
WRITING = """
    basic bulk_create composite_pk.test_create composite_pk.test_delete composite_pk.test_update custom_pk delete
    delete_regress force_insert_update generic_relations get_or_create m2m_signals m2m_through many_to_many
    model_inheritance multiple_database order_with_respect_to save_delete_hooks select_for_update
    sessions_tests.tests.DatabaseSessionTests signals transaction_hooks transactions update update_only_fields fixtures
    queries.test_bulk_update
"""


def test_tests_of_django():
    [line] = list(compared(DJANGO, databases=["sqlite"], captures=["orm"], labels=WRITING.split(), lazily=True))
    if line.missing:
        assert os.environ.get("CI") != "true", line.summary
        pytest.skip(line.summary)
    assert line.is_good, "\n\n".join(
        [line.summary, *(f"{test.test}\n{test.detail}" for test in line.comparison.new[:20])]
    )
