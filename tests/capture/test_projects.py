"""Projects that start, migrate and write with this app installed, each in its own process."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from django.db import connection

import realtime.checks
from tests.support import forkserver
from tests.support.project import CORE, Project

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="each project has its own database")

MODELS = """
    from django.db import models

    class Item(models.Model):
        name = models.CharField(max_length=50)
"""
STREAMS = """
    from realtime import ModelStream, register
    from shop.models import Item

    @register("items")
    class Items(ModelStream):
        model = Item
        fields = ["name"]

        def authorize(self, user):
            return True
"""


@pytest.fixture(scope="module", autouse=True)
def capture():
    """Replace the suite's fixture: each project has its own capture."""


@pytest.mark.parametrize("way", ["orm", "triggers"])
def test_migrations_that_write_to_live_models_before_the_log_exists(tmp_path, way):
    """Wagtail's migrations do this: they grant permissions with Django's `create_permissions`."""
    initial = """
        from django.apps import apps as installed
        from django.contrib.auth.management import create_permissions
        from django.db import migrations, models

        def write(apps, schema_editor):
            from django.contrib.auth import get_user_model
            create_permissions(installed.get_app_config("auth"), verbosity=0)
            get_user_model().objects.create_superuser("ada", "", "secret")

        class Migration(migrations.Migration):
            dependencies = [
                ("auth", "0012_alter_user_first_name_max_length"), ("contenttypes", "0002_remove_content_type_name"),
            ]
            run_before = [("realtime", "0001_initial")]
            operations = [
                migrations.CreateModel("Item", fields=[
                    ("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=50)),
                ]),
                migrations.RunPython(write),
            ]
    """
    files = {
        "shop/models.py": MODELS,
        "shop/streams.py": STREAMS,
        "shop/migrations/__init__.py": "",
        "shop/migrations/0001_initial.py": initial,
    }
    project = Project(tmp_path, apps=[*CORE, "shop"], files=files, REALTIME_CAPTURE=way)

    project.manage("migrate", "--verbosity", "0")

    answer = project.python("""
        from django.contrib.auth import get_user_model
        from django.contrib.auth.models import Permission
        from realtime.models import Change
        from shop.models import Item
        known = Permission.objects.filter(content_type__app_label="auth").count()
        Item.objects.create(name="first")
        logged = Change.objects.filter(model="shop.item").values_list("operation", flat=True)
        answer = [known, get_user_model().objects.count(), list(logged)]
    """)
    assert answer == [12, 1, ["i"]]


@pytest.fixture(scope="module")
def taggit(tmp_path_factory):
    pytest.importorskip("taggit")
    project = Project(tmp_path_factory.mktemp("taggit"), apps=[*CORE, "taggit", "shop"], files=TestTaggit.FILES)
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    return project


@pytest.mark.once
class TestTaggit:
    """A custom kind of relation, whose rows refer to objects by content type."""

    FILES = {
        "shop/models.py": """
            from django.db import models
            from taggit.managers import TaggableManager
            from taggit.models import TagBase, ItemBase

            class Kind(TagBase):
                pass

            class KindOfItem(ItemBase):
                tag = models.ForeignKey(Kind, models.CASCADE, related_name="%(class)ss")
                content_object = models.ForeignKey("Item", models.CASCADE)

            class Item(models.Model):
                name = models.CharField(max_length=50)
                tags = TaggableManager()
                kinds = TaggableManager(through=KindOfItem, related_name="of_kind")

                @property
                def tag_names(self):
                    return sorted(tag.name for tag in self.tags.all())

                @property
                def kind_names(self):
                    return sorted(kind.name for kind in self.kinds.all())
        """,
        "shop/streams.py": """
            from realtime import ModelStream, register
            from shop.models import Item, Kind
            from taggit.models import Tag

            @register("items")
            class Items(ModelStream):
                model = Item
                fields = ["name", "tag_names", "kind_names"]
                allow_anonymous = True

                def authorize(self, user):
                    return True

            @register("tagged")
            class Tagged(Items):
                depends_on = ["tags", "kinds"]

            @register("tags")
            class Tags(Items):
                model = Tag
                fields = ["name"]

            @register("kinds")
            class Kinds(Tags):
                model = Kind
                depends_on = ["of_kind"]
        """,
    }

    def test_tags_are_live(self, taggit):
        answer = taggit.python("""
            from django.contrib.auth.models import AnonymousUser
            from realtime.testing import Viewer
            from shop.models import Item, Kind
            from taggit.models import Tag
            one, other = Item.objects.create(name="one"), Item.objects.create(name="other")
            streams = {name: Viewer(name, {}, user=None) for name in ("items", "tagged")}
            answer = []

            def look(change):
                found = [viewer.rows for viewer in streams.values()]  # as of the last look
                change()
                for viewer in streams.values():
                    viewer.refresh()
                answer.append([
                    sorted(row["name"] for row in viewer.rows if row["tag_names"] or row["kind_names"])
                    for viewer in streams.values()
                ])

            look(lambda: one.tags.add("red"))
            look(lambda: other.kinds.add("round"))
            look(lambda: one.tags.clear())
            look(lambda: other.kinds.set([]))
            tag_names = []
            one.tags.add("red")
            streams["tagged"].refresh()
            Tag.objects.filter(name="red").update(name="blue")
            streams["tagged"].refresh()
            answer.append([row["tag_names"] for row in streams["tagged"].rows if row["tag_names"]])
        """)
        assert answer == [
            [["one"], ["one"]],
            [["one", "other"], ["one", "other"]],
            [["other"], ["other"]],
            [[], []],
            [["blue"]],
        ]

    def test_check_reports_nothing(self, taggit):
        assert "shop" not in taggit.manage("check")


@pytest.fixture(scope="module")
def mptt(tmp_path_factory):
    pytest.importorskip("mptt")
    project = Project(tmp_path_factory.mktemp("mptt"), apps=[*CORE, "mptt", "shop"], files=TestMptt.FILES)
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    return project


@pytest.mark.once
class TestMptt:
    """The library writes the descendants of a moved node with its own cursor."""

    FILES = {
        "shop/models.py": """
            from django.db import models
            from mptt.models import MPTTModel, TreeForeignKey

            class Node(MPTTModel):
                name = models.CharField(max_length=50)
                parent = TreeForeignKey("self", models.CASCADE, null=True, related_name="children")
        """,
        "shop/streams.py": """
            from realtime import ModelStream, register
            from shop.models import Node

            @register("nodes")
            class Nodes(ModelStream):
                model = Node
                fields = ["name", "level"]
                allow_anonymous = True

                def authorize(self, user):
                    return True
        """,
    }

    def test_move(self, mptt):
        answer = mptt.python("""
            from realtime.testing import Viewer
            from shop.models import Node
            one, other = Node.objects.create(name="one"), Node.objects.create(name="other")
            child = Node.objects.create(name="child", parent=one)
            Node.objects.create(name="grandchild", parent=child)
            viewer = Viewer("nodes")
            answer = [sorted([row["level"], row["name"]] for row in viewer.rows)]
            child.refresh_from_db()
            child.move_to(None)
            viewer.refresh()
            answer.append(sorted([row["level"], row["name"]] for row in viewer.rows))
            child.refresh_from_db()
            child.parent = Node.objects.get(name="other")
            child.save()
            viewer.refresh()
            answer.append(sorted([row["level"], row["name"]] for row in viewer.rows))
        """)
        moved = [[0, "one"], [0, "other"], [1, "child"], [2, "grandchild"]]
        assert answer == [moved, [[0, "child"], [0, "one"], [0, "other"], [1, "grandchild"]], moved]

    def test_check_names_it(self, mptt):
        said = " ".join(mptt.manage("check").split())
        assert "(realtime.W021) django-mptt writes shop.Node with its own SQL, which capture does not see: " in said
        assert (
            'HINT: Set REALTIME_CAPTURE to "triggers". Or call realtime.touch(queryset) with the changed rows' in said
        )


def test_every_check_and_stream_of_the_app_is_there(tmp_path):
    project = Project(tmp_path, apps=[*CORE, "shop"], files={"shop/models.py": MODELS, "shop/streams.py": STREAMS})
    answer = project.python("""
        from django.core.checks import run_checks
        from realtime import checks
        from realtime.streams.registry import registry
        run_checks()
        ran = []
        for found in checks._checks.values():
            found[:] = [lambda name=check.__name__, **given: ran.append(name) or [] for check in found]
        run_checks(include_deployment_checks=True, databases=["default"])
        answer = [sorted(ran), "realtime.probe" in registry]
    """)
    sources = [path.read_text() for path in Path(realtime.checks.__file__).parent.glob("*.py")]
    names = [name for source in sources for name in re.findall(r"@register\(.*\)\ndef (\w+)", source)]
    assert answer == [sorted(names), True]


def test_start_imports_only_what_captures(tmp_path, monkeypatch):
    """Commands, workers and tests of a project start as often as its servers, and serve no page."""
    monkeypatch.setattr(forkserver, "_allowed", False)  # a fork has more modules
    admin = """
        from django.contrib import admin
        from realtime.admin import LiveModelAdmin
        from shop.models import Item

        admin.site.register(Item, LiveModelAdmin)
    """
    project = Project(
        tmp_path,
        apps=["django.contrib.admin", "django.contrib.messages", *CORE, "shop"],
        files={"shop/models.py": MODELS, "shop/streams.py": STREAMS, "shop/admin.py": admin},
    )
    loaded = project.python("import sys; answer = sorted(sys.modules)")
    servers = [
        *("autobahn", "channels_redis", "cryptography", "daphne", "OpenSSL", "redis", "twisted", "websockets"),
        *("channels.consumer", "channels.db", "channels.generic", "channels.routing"),
    ]
    rooms = [
        "connections",
        "hub.hub",
        "hub.log_worker",
        "metrics",
        "protocol",
        "queries",
        "templatetags",
        "urls",
        "views",
    ]
    slow = (*servers, *(f"realtime.{name}" for name in rooms))
    assert [name for name in loaded if name.startswith(slow)] == []
    checks = [name for name in loaded if name.startswith("realtime.checks")]
    assert checks == ["realtime.checks", "realtime.checks.installation"]  # which looks at the installation at once
    assert {"realtime.capture.orm", "realtime.admin.live", "shop.streams"} < set(loaded)


def test_live_admins_install_capture_once(tmp_path):
    """Django discovers the admins before this app is ready; each used to look at all streams again."""
    admin = """
        from django.contrib import admin
        from realtime.admin import LiveModelAdmin
        from realtime.capture import orm
        from shop.models import Item, Order

        installed = []
        watch = orm.watch

        def counted(tables, *args, **options):
            installed.append(sorted(model._meta.db_table for model in tables))
            watch(tables, *args, **options)

        orm.watch = counted
        admin.site.register([Item, Order], LiveModelAdmin)
    """
    models = (
        MODELS
        + """
    class Order(models.Model):
        name = models.CharField(max_length=50)
"""
    )
    project = Project(
        tmp_path,
        apps=["django.contrib.admin", "django.contrib.messages", *CORE, "shop"],
        files={"shop/models.py": models, "shop/admin.py": admin},
    )
    [tables] = project.python("from shop.admin import installed; answer = installed")
    assert {"shop_item", "shop_order"} < set(tables)


@pytest.mark.once
class TestWithoutUsers:
    """`django.contrib.auth` and `django.contrib.sessions` are optional; without them, every client is anonymous."""

    STREAMS = """
        from realtime import ModelStream, register
        from shop.models import Item

        @register("items")
        class Items(ModelStream):
            model = Item
            fields = ["name"]
            template_name = "item.html"
            allow_anonymous = True

            def authorize(self, user):
                return not user.is_authenticated and not user.has_perm("shop.view_item")
    """
    VISIT = """
        import asyncio
        import realtime
        from asgiref.sync import sync_to_async
        from django.template import engines
        from realtime.auth.identity import SessionCookie, identity_by_cookie
        from realtime.auth.sessions import Logins
        from realtime.streams.surroundings import SITE
        from realtime.testing import connect
        from shop.models import Item

        Item.objects.create(name="first")
        realtime.revoke("nobody")
        template = engines["django"].from_string("{% load realtime %}{% live 'items' %}")
        page = template.render({})

        async def visit():
            async with connect() as client:
                items = client.subscribe("items")
                await items.ready()
                await sync_to_async(Item.objects.create)(name="second")
                await client.wait_for(items, lambda rows: len(rows) == 2)
                return [row["name"] for row in items.rows]

        by_cookie = identity_by_cookie(SessionCookie("abcdef", SITE), Logins(["abcdef"]))
        answer = [">first<" in page, by_cookie.user, asyncio.run(visit())]
    """

    USER = """
        from django.contrib.auth.base_user import AbstractBaseUser

        class User(AbstractBaseUser):
            name = models.CharField(max_length=50, unique=True)
            USERNAME_FIELD = "name"
    """

    def project(self, directory, *apps, models=MODELS, **options):
        files = {
            "shop/models.py": models,
            "shop/streams.py": self.STREAMS,
            "shop/templates/item.html": "<li>{{ object.name }}</li>",
        }
        project = Project(directory, apps=[*apps, "realtime", "shop"], files=files, **options)
        project.manage("migrate", "--run-syncdb", "--verbosity", "0")
        return project

    def test_neither_users_nor_sessions(self, tmp_path):
        project = self.project(tmp_path)
        assert "No changes detected" in project.manage("makemigrations", "--check", "--dry-run", "realtime")
        assert "no issues" in project.manage("check")
        assert project.python(self.VISIT) == [True, None, ["first", "second"]]

    def test_users_without_sessions(self, tmp_path):
        project = self.project(tmp_path, "django.contrib.contenttypes", "django.contrib.auth")
        assert project.python(self.VISIT) == [True, None, ["first", "second"]]

    def test_users_of_another_app(self, tmp_path):
        project = self.project(tmp_path, models=dedent(MODELS) + dedent(self.USER), AUTH_USER_MODEL="shop.User")
        assert "no issues" in project.manage("check")
        assert project.python(self.VISIT) == [True, None, ["first", "second"]]
        answer = project.python("""
            from realtime.models import Change
            from shop.models import User
            User.objects.create(name="ada")
            answer = list(Change.objects.filter(model="shop.user").values_list("operation", flat=True))
        """)
        assert answer == ["i"]
