"""Notifications: rows for one user, which go by themselves or are kept until the user dismisses them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import transaction
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone, translation

import realtime
from realtime.actions.notification_rows import SHOWN_FOR, prune
from realtime.auth.identity import Identity
from realtime.models import Notification
from realtime.writers.notification_stream import NotificationStream
from tests.support.wire import WireClient, until

User = get_user_model()


@pytest.fixture
def ada(elsewhere):
    return elsewhere(User.objects.create, username="ada")


def page(user, source: str) -> str:
    request = RequestFactory().get("/")
    request.user = user
    return Template("{% load realtime %}" + source).render(Context({"request": request, "user": user}))


class TestNotify:
    def test_it_inserts_a_row_of_the_present_transaction(self, ada, elsewhere):
        realtime.notify(ada, "Ready\x00.", level="success", url="/a/", keep=True)
        with transaction.atomic():
            realtime.notify(ada.pk, "Never.")
            transaction.set_rollback(True)
        fields = ("user", "text", "level", "url", "expires_at")
        assert elsewhere(lambda: list(Notification.objects.values_list(*fields))) == [
            (ada.pk, "Ready.", "success", "/a/", None)
        ]

    def test_one_that_is_not_kept_goes_after_ten_seconds(self, ada, committed):
        realtime.notify(ada, "Ready.")
        assert timedelta(0) < Notification.objects.get().expires_at - timezone.now() <= SHOWN_FOR

    async def test_the_async_twin(self, ada, elsewhere):
        await realtime.anotify(ada, "Ready.")
        assert await elsewhere.soon(Notification.objects.count) == 1

    def test_what_cannot_be_shown_is_refused(self, ada):
        for url in (
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,a",
            "\x01a",
        ):
            with pytest.raises(ValueError, match="cannot be a link"):
                realtime.notify(ada, "Ready.", url=url)
        with pytest.raises(ValueError, match="one of info, success, warning, error; not 'loud'"):
            realtime.notify(ada, "Ready.", level="loud")
        with pytest.raises(ValueError, match="not anonymous"):
            realtime.notify(AnonymousUser(), "Ready.")


class TestPruning:
    def test_those_that_nobody_sees_are_deleted(self, ada, committed, capsys):
        old = timezone.now() - timedelta(days=31)
        Notification.objects.create(user=ada, text="gone", expires_at=timezone.now() - timedelta(seconds=1))
        Notification.objects.create(user=ada, text="old", created_at=old)
        Notification.objects.create(user=ada, text="kept")
        call_command("realtime_prune")
        assert list(Notification.objects.values_list("text", flat=True)) == ["kept"]
        assert "2 notifications deleted." in capsys.readouterr().out
        assert prune("another") == 0


class TestTags:
    def test_text_is_escaped_and_announced(self, ada, committed):
        realtime.notify(ada, "<b>Ready</b>", level="error", url="/a/?b=1&c=2", keep=True)
        html = page(ada, "{% live_notifications container='aside' class='toasts' %}")
        assert html.startswith("<aside data-live=")
        assert 'role="status"' in html
        assert '<a href="/a/?b=1&amp;c=2">&lt;b&gt;Ready&lt;/b&gt;</a>' in html
        assert ">Error</strong>" in html

    def test_the_count_is_of_those_that_are_kept_and_nothing_for_none(self, ada, committed):
        realtime.notify(ada, "Goes.")
        assert page(ada, "{% live_notification_count class='badge' %}").endswith(' class="badge"></span>')
        for text in ("One.", "Two."):
            realtime.notify(ada, text, keep=True)
        assert page(ada, "{% live_notification_count %}").endswith(">2</span>")

    def test_visitors_get_nothing(self, committed):
        assert page(AnonymousUser(), "{% live_notifications %}{% live_notification_count %}{% live_jobs %}") == ""

    def test_other_keywords_are_refused(self, ada):
        for tag in ("live_notifications", "live_notification_count", "live_jobs"):
            with pytest.raises(Exception, match=f"{tag} %}} takes 'container' and 'class', not shelf"):
                page(ada, "{% " + tag + " shelf=1 %}")

    def test_they_are_in_the_users_language(self, ada, committed):
        realtime.notify(ada, "Fertig.", level="warning", keep=True)
        with translation.override("fr"):
            html = page(ada, "{% live_notifications %}")
        assert ">Avertissement</strong>" in html
        assert ">Fermer</button>" in html


class TestStream:
    async def test_only_its_user_sees_and_dismisses_it(self, ada, elsewhere):
        ben = await elsewhere.soon(User.objects.create, username="ben")
        async with WireClient(Identity(str(ada.pk))) as own, WireClient(Identity(str(ben.pk))) as other:
            for client in (own, other):
                await client.subscribe("realtime.notifications")
            await realtime.anotify(ada, "Ready.", keep=True)
            await until(lambda: [row["text"] for row in own.rows()] == ["Ready."])
            assert other.rows() == []
            for client, left in ((other, 1), (own, 0)):
                text = {"stream": "realtime.notifications", "params": {}, "action": "dismiss"}
                key = own.rows()[0]["id"]
                client.say([client.protocol.text(type="call", id="1", **text, args={"pk": key})])
                await until(lambda client=client: client.protocol.replies)
                assert await elsewhere.soon(Notification.objects.count) == left
            await until(lambda: own.rows() == [])

    async def test_visitors_are_refused(self, committed):
        async with WireClient() as client:
            await client.subscribe("realtime.notifications")
            assert client.refusals == {1: 4214}

    async def test_one_goes_when_its_time_has_come(self, ada, elsewhere, monkeypatch):
        monkeypatch.setattr("realtime.actions.notification_rows.SHOWN_FOR", timedelta(seconds=3))
        async with WireClient(Identity(str(ada.pk))) as client:
            await client.subscribe("realtime.notifications")
            await realtime.anotify(ada, "Ready.")
            await until(client.rows)
            await until(lambda: client.rows() == [])
            assert await elsewhere.soon(Notification.objects.count) == 1  # until it is pruned

    def test_all_are_dismissed_at_once(self, ada, committed):
        realtime.notify(ada, "One.", keep=True)
        Notification.objects.create(pk=uuid4(), user=User.objects.create(username="ben"), text="Another's.")
        NotificationStream({}, ada.pk).dismiss_all(ada)
        assert list(Notification.objects.values_list("text", flat=True)) == ["Another's."]
