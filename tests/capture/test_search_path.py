"""PostgreSQL: a writer's own `search_path`, as of a schema for each tenant, hides the log from no write."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from realtime.changelog import get_changelog
from tests.capture.models import Document


@pytest.fixture
def elsewhere(capture, vendor):
    """A schema with a table of documents of its own, in the `search_path` without the log's schema."""
    if vendor != "postgresql" or capture != "orm":
        pytest.skip("about statements on PostgreSQL; triggers have a search_path of their own")
    assert get_changelog("default").exists()  # as each new connection looks
    table = connection.ops.quote_name(Document._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA elsewhere")
        cursor.execute(f"CREATE TABLE elsewhere.{table} (LIKE public.{table} INCLUDING ALL)")
        cursor.execute("SET search_path = elsewhere")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = DEFAULT")
        cursor.execute("DROP SCHEMA elsewhere CASCADE")


def write() -> None:
    document = Document.objects.create(path="a")
    document.title = "b"
    document.save()
    Document.objects.filter(title="b").update(title="c")
    Document.objects.bulk_create([Document(path="c")], ignore_conflicts=True)
    document.delete()


@pytest.mark.parametrize("in_transaction", [False, True])
def test_writes_are_logged_where_the_log_is(log, elsewhere, in_transaction):
    if in_transaction:
        with transaction.atomic():
            write()
    else:
        write()
    assert Document.objects.get().path == "c"
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = DEFAULT")
    found = {(entry.operation, entry.key) for entry in log.of(Document)}
    assert found == {("i", "a"), ("u", "a"), ("i", "c"), ("d", "a")}
