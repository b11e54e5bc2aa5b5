"""Caches under the ORM hold what was true before a change for a moment after it; what is live is read past them."""

from __future__ import annotations

import pytest

from tests.support.project import CORE, Project

pytestmark = pytest.mark.once  # the projects have databases of their own

FILES = {
    "shop/models.py": """
        from django.db import models

        class Item(models.Model):
            name = models.CharField(max_length=50)
            is_open = models.BooleanField(default=True)
    """,
    "shop/prefix.py": """
        import os

        def prefix(query):
            return f"realtime-tests-{os.getpid()}:"
    """,
    "shop/streams.py": """
        from realtime import ModelStream, register
        from shop.models import Item

        @register("items")
        class Items(ModelStream):
            model = Item
            fields = ["name"]
            template_name = "item.html"
            allow_anonymous = True

            def authorize(self, user):
                return Item.objects.filter(is_open=True).exists()

            def get_queryset(self):
                return Item.objects.order_by("pk")
    """,
    "shop/templates/item.html": "<li>{{ object.name }}</li>",
}

READ = """
    from django.contrib.auth.models import AnonymousUser
    from django.db import connection, transaction
    from django.utils.html import strip_tags
    import realtime
    from realtime.exceptions import Forbidden
    from realtime.queries.page import page_part
    from realtime.testing import Viewer
    from shop.models import Item

    def behind_the_cache(sql):
        "As another process that has committed, and not yet invalidated."
        connection.connection.execute(sql)
        with transaction.atomic():
            realtime.touch(Item.objects.filter(pk=item.pk))

    item = Item.objects.create(name="before")
    viewer = Viewer("items")

    def cached():
        "What the project itself reads, and so has in its cache."
        return [row.name for row in Item.objects.order_by("pk")]

    def live():
        viewer.refresh()
        try:
            page = [strip_tags(row) for row in page_part(AnonymousUser(), "items", {}, "html").rows]
        except Forbidden:
            page = "refused"
        return [[row["name"] for row in viewer.rows], page]

    answer = []
    for sql in ("UPDATE shop_item SET name = 'first'", "UPDATE shop_item SET name = 'second'"):
        behind_the_cache(sql)
        answer.append(live())
    cached()
    behind_the_cache("UPDATE shop_item SET name = 'third'")
    answer += [cached(), live(), cached()]
    Item.objects.filter(is_open=True).exists()
    behind_the_cache("UPDATE shop_item SET is_open = 0")
    answer.append(live()[1])
"""


def check(project):
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    first, second, cached, third, still_cached, access = project.python(READ)
    assert [first[0], *first[1]] == [["first"], "first"]
    assert [second[0], *second[1]] == [["second"], "second"]
    assert cached == still_cached == ["second"]  # the project's own reads are what they were
    assert [third[0], *third[1]] == [["third"], "third"]
    assert access == "refused"


def test_cachalot(tmp_path):
    pytest.importorskip("cachalot")
    check(Project(tmp_path, apps=[*CORE, "cachalot", "shop"], files=FILES))


def test_cachalot_that_comes_first(tmp_path):
    pytest.importorskip("cachalot")
    check(Project(tmp_path, apps=["cachalot", *CORE, "shop"], files=FILES))


def test_cacheops(tmp_path, redis_url):
    pytest.importorskip("cacheops")
    check(
        Project(
            tmp_path,
            apps=[*CORE, "cacheops", "shop"],
            files=FILES,
            CACHEOPS_REDIS=redis_url,
            CACHEOPS_PREFIX="shop.prefix.prefix",
            CACHEOPS={"shop.*": {"ops": "all", "timeout": 60}, "auth.*": {"ops": "all", "timeout": 60}},
        )
    )
