"""Roles of PostgreSQL write what they could write without capture, even rows that they must not read."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
from django.db import connection

from tests.capture.conftest import made, updated
from tests.capture.models import Reader

ROLE = f"capture_{uuid.uuid4().hex}"  # roles belong to all databases of a server


@pytest.fixture(autouse=True)
def role(vendor, capture, shelf):
    if vendor != "postgresql":
        pytest.skip("other databases log without RETURNING, or see no rows less")
    execute(
        f"""CREATE ROLE {ROLE};
        GRANT USAGE ON SCHEMA public TO {ROLE};
        GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}"""
    )


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def as_role():
    execute(f"SET LOCAL ROLE {ROLE}")
    yield
    execute("RESET ROLE")


def secure(*policies):
    """Hide readers of this name from the role, unless a policy allows more."""
    execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE capture_reader ENABLE ROW LEVEL SECURITY")
    execute("CREATE POLICY seen ON capture_reader FOR SELECT USING (name <> 'hidden')")
    for event, rule in policies:
        execute(f"CREATE POLICY may_{event} ON capture_reader FOR {event} {rule}")


def test_insert_of_a_row_that_the_role_must_not_see(log, shelf):
    secure(("INSERT", "WITH CHECK (true)"))
    with as_role():
        one, two = Reader(name="hidden", shelf=shelf), Reader(name="hidden", shelf=shelf)
        one.save(force_insert=True)
        Reader.objects.bulk_create([two])
    assert log.of(Reader) == {made(one), made(two)}


def test_insert_that_ignores_conflicts(log, shelf):
    secure(("INSERT", "WITH CHECK (true)"))
    with as_role():
        Reader.objects.bulk_create([Reader(name="hidden", shelf=shelf)], ignore_conflicts=True)
    assert Reader.objects.count() == 1
    assert log.of(Reader)


def test_statement_without_a_condition(log, shelf):
    Reader.objects.bulk_create([Reader(name="seen", shelf=shelf), Reader(name="hidden", shelf=shelf)])
    secure(("UPDATE", "USING (true)"), ("DELETE", "USING (true)"))
    log.clear()
    with as_role():
        assert Reader.objects.update(name="all") == 2
    assert log.of(Reader)
    log.clear()
    with as_role():
        assert Reader.objects.all()._raw_delete("default") == 2
    assert log.of(Reader)


def test_statement_with_a_condition_is_logged_row_by_row(log, shelf):
    seen = Reader.objects.create(name="seen", shelf=shelf)
    hidden = Reader.objects.create(name="hidden", shelf=shelf)
    secure(("UPDATE", "USING (true)"))
    log.clear()
    with as_role():
        assert Reader.objects.filter(pk__in=[seen.pk, hidden.pk]).update(name="new") == 1
    assert log.of(Reader) == {updated(seen)}


def test_role_that_may_only_write(log, shelf):
    execute(f"REVOKE ALL ON capture_reader FROM {ROLE}; GRANT INSERT ON capture_reader TO {ROLE}")
    execute(f"GRANT UPDATE (name), DELETE ON capture_reader TO {ROLE}")
    with as_role():
        Reader(shelf=shelf).save(force_insert=True)
        assert Reader.objects.update(name="new") == 1
        assert Reader.objects.all()._raw_delete("default") == 1
    assert log.of(Reader)


def test_role_that_may_read_some_columns(log, shelf):
    reader = Reader.objects.create(shelf=shelf)
    execute(f"REVOKE SELECT ON capture_reader FROM {ROLE}; GRANT SELECT (reader) ON capture_reader TO {ROLE}")
    log.clear()
    with as_role():
        assert Reader.objects.filter(pk=reader.pk).update(name="new") == 1
    assert log.of(Reader)
