"""Checks of other libraries: what they write past the ORM, and relations of kinds that nobody knows."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.core.checks import Warning
from django.db import models
from django.test import override_settings

from realtime.checks.libraries import check_libraries, check_relations
from tests.models import Book


@pytest.fixture
def extra(monkeypatch):
    """A manager that stands in for that of django-postgres-extra, which works on PostgreSQL alone."""

    class PostgresManager(models.Manager):
        pass

    module = ModuleType("psqlextra.manager")
    module.PostgresManager = PostgresManager
    monkeypatch.setitem(sys.modules, "psqlextra.manager", module)
    manager = PostgresManager()
    manager.model, manager.name = Book, "extra"
    monkeypatch.setitem(vars(Book._meta), "managers", (*Book._meta.managers, manager))


def test_manager_that_writes_with_sql_of_its_own(extra):
    message = (
        "django-postgres-extra writes tests.Book with its own SQL, which capture does not see: insert, upsert and "
        "bulk_insert."
    )
    hint = (
        'Set REALTIME_CAPTURE to "triggers". Or call realtime.touch(queryset) with the changed rows after such '
        "writes, and silence this check."
    )
    assert check_libraries(None) == [Warning(message, hint=hint, id="realtime.W021")]


def test_triggers_see_it(extra):
    with override_settings(REALTIME_CAPTURE="triggers"):
        assert check_libraries(None) == []


def test_model_of_no_such_library():
    assert check_libraries(None) == []


def test_relation_whose_rows_in_between_are_not_known(monkeypatch):
    monkeypatch.setattr(Book._meta.get_field("tags").remote_field, "through", None)
    found = {message.msg for message in check_relations(None)}
    assert any("has relations with unknown intermediate rows: Book.tags" in message for message in found)


def test_relations_of_django_are_known():
    assert check_relations(None) == []
