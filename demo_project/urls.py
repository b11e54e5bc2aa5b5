"""The demo's URLs."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from demo_project.assistant.views import assistant
from demo_project.board import views
from demo_project.chat.views import chat, room
from demo_project.dashboard.views import dashboard, reports
from demo_project.showcase import views as showcase

urlpatterns = [
    path("", showcase.showcase, name="showcase"),
    path("two/<slug:name>/", showcase.frame, name="frame"),
    path("two/<slug:name>/token/", showcase.token, name="token"),
    path("projects/", views.projects, name="projects"),
    path("tasks/", views.tasks, name="tasks"),
    path("board/<int:pk>/", views.board, name="board"),
    path("chat/", chat, name="chat"),
    path("chat/<int:pk>/", room, name="room"),
    path("assistant/", assistant, name="assistant"),
    path("dashboard/", dashboard, name="dashboard"),
    path("reports/", reports, name="reports"),
    path("board/<int:project>/tasks/<int:pk>/", views.task, name="task"),
    path("realtime/", include("realtime.urls")),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
