"""A project may serve an admin site of its own: what this app registers with the default one is in nobody's way."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import include, path

site = admin.AdminSite(name="admin")
site.register(User)
urlpatterns = [
    path("admin/doc/", include("django.contrib.admindocs.urls")),
    path("admin/", site.urls),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def admindocs(settings, admin_client):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.admindocs"]
    return admin_client


def test_admindocs_lists_what_the_site_has(admindocs, monkeypatch):
    for model in set(admin.site._registry):
        if model._meta.app_label not in ("auth", "realtime"):
            monkeypatch.delitem(admin.site._registry, model)
    response = admindocs.get("/admin/doc/tags/")
    assert response.status_code == 200
    assert [app["app_label"] for app in response.context["available_apps"]] == ["auth"]


def test_status_page_is_listed_where_it_is_served(admin_client, settings):
    settings.ROOT_URLCONF = "tests.urls"
    apps = {app["app_label"] for app in admin_client.get("/admin/").context["available_apps"]}
    assert "realtime" in apps
