"""LiveModelAdmin: what its pages carry, who is told of changes, and of which ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin, messages
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils.html import escape

from demo_project.board.models import Project, Task
from demo_project.chat.models import Membership, Message, Room
from realtime.admin import LiveModelAdmin
from realtime.admin.live import REFRESH, SINCE
from realtime.auth.authorization import open_stream
from realtime.auth.identity import Identity
from realtime.exceptions import Forbidden
from realtime.streams.registry import registry
from realtime.streams.validation import problems
from tests.support.wire import WireClient, until

ABOUT = re.compile(r'data-realtime-admin="([^"]*)"')
VERSION = "value:version"
TASKS = "/admin/board/task/"


@pytest.fixture
def project(db: None) -> Project:
    return Project.objects.create(name="one")


@pytest.fixture
def task(project: Project) -> Task:
    return Task.objects.create(project=project, title="One", column="todo")


@pytest.fixture
def own(task: Task) -> Iterator[LiveModelAdmin]:
    """An admin that lets users see the tasks that they are assigned to."""

    class OwnAdmin(LiveModelAdmin):
        def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
            return super().get_queryset(request).filter(assignee=request.user)

    yield OwnAdmin(Task, admin.AdminSite(name="own"))
    registry.remove("own:board.task")
    registry.remove("own:board.task:object")


def staff(*permissions: str) -> User:
    user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def about(content: bytes) -> Any:
    """What a page says of itself; None where it is not live."""
    found = ABOUT.search(content.decode())
    return found and json.loads(found[1].replace("&quot;", '"').replace("&#x27;", "'").replace("&amp;", "&"))


class TestPages:
    def test_list_carries_its_keys_count_and_position(self, admin_client: Client, task: Task) -> None:
        content = admin_client.get(TASKS).content
        page = about(content)
        assert (page["kind"], page["keys"], page["count"], page["paused"]) == ("list", [str(task.pk)], "1 task", False)
        assert page["live"]["data-live"] == "admin:board.task"
        assert page["live"]["data-live-format"] == VERSION
        assert page["live"]["data-live-cursor"]
        assert content.index(b"realtime/realtime.js") < content.index(b"realtime/admin.js")
        assert b"realtime/admin.css" in content

    def test_form_carries_its_object_and_its_editor(self, admin_client: Client, admin_user: User, task: Task) -> None:
        page = about(admin_client.get(f"{TASKS}{task.pk}/change/").content)
        assert (page["kind"], page["stream"], page["user"]) == ("form", "admin:board.task:object", str(admin_user.pk))
        assert json.loads(page["live"]["data-live-params"]) == {"id": task.pk}
        assert page["posted"] is False

    def test_list_is_shown_where_access_cannot_be_asked_without_a_request(
        self, own: LiveModelAdmin, admin_user: User, rf: RequestFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        own.has_view_permission = lambda request, obj=None: bool(request.session)  # type: ignore[method-assign]
        own.has_change_permission = lambda request, obj=None: False  # type: ignore[method-assign]
        request = rf.get("/")
        request.user, request.session = admin_user, {"here": True}
        response = own.changelist_view(request)
        assert about(str(response.context_data["media"]).encode()) is None
        assert "The admin page own:board.task is not live" in caplog.text

    def test_other_pages_are_left_alone(self, admin_client: Client, task: Task) -> None:
        assert about(admin_client.get(f"{TASKS}add/").content) is None
        assert about(admin_client.get(f"{TASKS}{task.pk}/delete/").content) is None
        assert about(admin_client.get("/admin/auth/user/").content) is None
        data = {"action": "delete_selected", "_selected_action": [task.pk]}
        assert about(admin_client.post(TASKS, data).content) is None

    def test_list_with_errors_is_paused(self, admin_client: Client, task: Task) -> None:
        data = {
            "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "_save": "Save",
            "form-0-id": task.pk, "form-0-column": "nowhere",
        }  # fmt: skip
        page = about(admin_client.post(TASKS, data).content)
        assert page["paused"] is True

    def test_form_with_errors_stands_where_it_was_opened(self, admin_client: Client, task: Task) -> None:
        data = {"project": "", SINCE: "an older <position>"}
        content = admin_client.post(f"{TASKS}{task.pk}/change/", data).content
        page = about(content.replace(b"&lt;", b"<").replace(b"&gt;", b">"))
        assert page["live"]["data-live-cursor"] == page["since"]["cursor"] == "an older <position>"
        assert page["posted"] is True
        assert b"an older <position>" not in content
        assert escape("an older <position>").encode() in content

    def test_page_that_reads_itself_anew_leaves_messages_to_others(
        self, admin_client: Client, task: Task, settings: Any
    ) -> None:
        settings.MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
        storage = admin_client.get("/admin/login/").wsgi_request
        messages.success(storage, "Saved for another window.")
        response = admin_client.get("/admin/login/")
        get_messages(storage).update(response)  # as the middleware does for a page that has a message to show
        admin_client.cookies.update(response.cookies)
        for path in (TASKS, f"{TASKS}{task.pk}/change/"):
            assert b"another window" not in admin_client.get(path, headers={REFRESH: "1"}).content
        assert b"another window" in admin_client.get(TASKS).content
        assert b"another window" not in admin_client.get(TASKS).content


@pytest.mark.django_db
class TestAccess:
    def test_list_is_for_staff_who_may_view_or_change(self) -> None:
        for user in (staff("view_task"), staff("change_task")):
            open_stream(user, "admin:board.task", {})
        outsider = staff("view_task")
        outsider.is_staff = False
        for user in (staff(), staff("add_task"), outsider):
            with pytest.raises(Forbidden):
                open_stream(user, "admin:board.task", {})

    def test_audience_is_what_the_list_offers(self) -> None:
        assert open_stream(staff("view_task"), "admin:board.task", {}).audience_key == "view"
        assert open_stream(staff("change_task", "add_task"), "admin:board.task", {}).audience_key == "add change view"

    def test_object_and_who_is_at_it_are_for_those_whose_queryset_has_it(
        self, own: LiveModelAdmin, task: Task
    ) -> None:
        assignee, other = staff("view_task"), staff("view_task")
        Task.objects.update(assignee=assignee)
        for name in ("own:board.task:object", "own:board.task:object:presence"):
            open_stream(assignee, name, {"id": task.pk})
            for user, pk in ((other, task.pk), (assignee, task.pk + 1)):
                with pytest.raises(Forbidden):
                    open_stream(user, name, {"id": pk})


class TestStreams:
    def test_list_follows_the_models_that_its_options_name(self) -> None:
        def labels(name: str) -> set[str]:
            return {model._meta.label for model in registry.get(name).value_models()["version"]}

        assert labels("admin:board.task") == {"auth.User", "board.Project"}
        assert labels("admin:chat.message") == {"auth.User", "chat.Room"}

    def test_options_are_followed_along_paths_methods_and_many_to_many(self) -> None:
        class PathAdmin(LiveModelAdmin):
            list_display = ["__str__", "leader"]
            list_filter = [("members", admin.RelatedOnlyFieldListFilter)]
            search_fields = ["=tasks__title", "@name"]
            live_depends_on = ["chat.Room"]

            @admin.display(ordering="-members__username")
            def leader(self, project: Project) -> str:
                return ""

        PathAdmin(Project, admin.AdminSite(name="paths"))
        found = registry.get("paths:board.project")
        models = {model._meta.label for model in found.value_models()["version"]}
        registry.remove("paths:board.project")
        registry.remove("paths:board.project:object")
        assert models == {"auth.User", "board.Project_members", "board.Task", "chat.Room"}

    def test_form_follows_many_to_many_relations_and_inlines(self) -> None:
        assert list(registry.get("admin:board.project:object").depends_on) == ["members"]
        assert list(registry.get("admin:chat.room:object").depends_on) == ["members", "memberships"]

    def test_streams_are_declared_without_a_mistake(self) -> None:
        assert [
            problem for name in registry.names() if "admin:" in name for problem in problems(registry.get(name))
        ] == []

    def test_another_admin_of_the_model_takes_the_place_of_the_first(self) -> None:
        class First(LiveModelAdmin): ...

        class Second(LiveModelAdmin): ...

        known = list(registry.problems)
        site = admin.AdminSite(name="twice")
        for kind in (First, Second, Second):
            site.register(Room, kind)
            site.unregister(Room)
        assert registry.get("twice:chat.room").model_admin.__class__ is Second
        assert registry.problems == known
        registry.remove("twice:chat.room")
        registry.remove("twice:chat.room:object")

    def test_it_stands_before_another_admin(self) -> None:
        with pytest.raises(TypeError, match="MRO"):
            type("Behind", (admin.ModelAdmin, LiveModelAdmin), {})


@pytest.fixture
def rooms(elsewhere: Any) -> Iterator[list[Room]]:
    yield [elsewhere(Room.objects.create, name=name) for name in ("one", "two")]
    elsewhere(Room.objects.all().delete)


@pytest.mark.databases
async def test_versions_differ_after_what_concerns_them_and_nothing_else(elsewhere: Any, rooms: list[Room]) -> None:
    one, two = rooms
    ada = await elsewhere.soon(User.objects.create_superuser, "ada")
    async with WireClient(Identity(str(ada.pk))) as client:
        asked = [("chat.room", {}), ("chat.room:object", {"id": one.pk}), ("chat.room:object", {"id": two.pk})]
        for id, (name, params) in enumerate(asked):
            client.say(client.protocol.subscribe(id, stream=f"admin:{name}", params=params, format=VERSION))
            await until(lambda: client.protocol.subscriptions[id].live)  # noqa: B023 - called at once

        def versions() -> list[Any]:
            return [client.rows(id) for id in range(3)]

        async def differ(*ids: int) -> None:
            nonlocal seen
            await until(lambda: all(client.rows(id) != seen[id] for id in ids))
            assert [id for id in range(3) if client.rows(id) != seen[id]] == list(ids)
            seen = versions()

        seen = versions()
        await elsewhere.soon(Room.objects.filter(pk=one.pk).update, name="first")
        await differ(0, 1)
        await elsewhere.soon(lambda: Membership.objects.create(room=two, user=ada))
        await differ(0, 2)
        await elsewhere.soon(lambda: Message.objects.create(room=two, author=ada, text="No room shows it."))
        await elsewhere.soon(Room.objects.filter(pk=one.pk).update, name="the first")
        await differ(0, 1)
