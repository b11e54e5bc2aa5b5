"""Addresses of the browser tests' site: the demo's, static files, and pages that a test writes itself."""

from django.urls import include, path

from tests.browser.site import views
from tests.browser.site.admin import desk
from tests.urls import clients

urlpatterns = [
    path("clients/", clients),
    path("page/", views.page),
    path("part/", views.part),
    path("queries/", views.queries),
    path("upload/", views.upload),
    path("desk/", desk.urls),
    path("foreign/", views.foreign),
    path("rename/", views.rename),
    path("delete/", views.delete),
    path("vendor/<path:path>", views.vendor),
    path("static/<path:path>", views.static),
    path("", include("demo_project.urls")),
]
