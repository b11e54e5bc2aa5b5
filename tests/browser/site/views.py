"""Pages whose markup comes with the request, and static files as a web server would send them."""

import mimetypes
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template import engines
from django.templatetags.static import static as static_url
from django.utils._os import safe_join

from demo_project.board.models import Task
from realtime.hub.hub import get_hub

VENDOR = Path(__file__).resolve().parents[3] / "browser" / "node_modules"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Page</title>
{%% load realtime %%}{%% realtime_script share=share %%}</head>
<body>%s</body></html>"""

FOREIGN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Foreign</title>
<script type="module" src="%s"></script></head></html>"""


def page(request: HttpRequest) -> HttpResponse:
    """A page with the body that the request names, in Django's template language."""
    return render(request, PAGE % request.GET["body"])


def part(request: HttpRequest) -> HttpResponse:
    """Markup that a page loads into itself."""
    return render(request, "{% load realtime %}" + request.GET["body"])


def render(request: HttpRequest, source: str) -> HttpResponse:
    return HttpResponse(
        engines["django"].from_string(source).render({"user": request.user, "share": "share" in request.GET}, request)
    )


def foreign(request: HttpRequest) -> HttpResponse:
    """A page that has the module, and says itself where its server is."""
    return HttpResponse(FOREIGN % static_url("realtime/realtime.js"))


def rename(request: HttpRequest) -> HttpResponse:
    """What a form of a row is sent to; Django's middleware wants its CSRF token."""
    Task.objects.filter(pk=request.POST["pk"], project__members=request.user).update(title=request.POST["title"])
    return HttpResponse(status=204)


def delete(request: HttpRequest) -> HttpResponse:
    Task.objects.filter(pk=request.POST["pk"], project__members=request.user).delete()
    return HttpResponse("Deleted.")


UPLOAD = """{% if messages %}{% for message in messages %}<p class="message">{{ message }}</p>{% endfor %}{% endif %}
<form method="post" enctype="multipart/form-data" data-live-upload>{% csrf_token %}
<p><input name="title" aria-label="Title" value="{{ title }}"{% if error %} aria-invalid="true"{% endif %}></p>
{% if error %}<ul class="errorlist"><li>{{ error }}</li></ul>{% endif %}
<p><input type="file" name="file" aria-label="File"></p><button>Send</button></form>"""


def upload(request: HttpRequest) -> HttpResponse:
    """A form with a file, as Django's documentation shows it: errors are shown at the form, success redirects."""
    context = {"user": request.user, "title": "", "error": ""}
    if request.method == "POST":
        size = len(request.FILES["file"].read())
        context["title"] = title = request.POST["title"]
        if title == "too large":
            return HttpResponse("No.", status=413)
        if title:
            messages.success(request, f"{title}: {size} bytes.")
            return redirect("/upload/")
        context["error"] = "This field is required."
    return HttpResponse(engines["django"].from_string(PAGE % UPLOAD).render(context, request))


async def queries(request: HttpRequest) -> JsonResponse:
    """Stream and parameters of each live query that has subscribers in this process."""
    found = [key for log in get_hub().tasks for key, _ in log.subscribers._streams.values()]
    return JsonResponse([[key.stream, key.params.decode()] for key in found], safe=False)


def vendor(request: HttpRequest, path: str) -> HttpResponse:
    """A file of a package that npm has installed for the tests."""
    with open(safe_join(VENDOR, path), "rb") as file:
        return HttpResponse(file.read(), content_type=mimetypes.guess_type(path)[0])


def static(request: HttpRequest, path: str) -> HttpResponse:
    """A file that collectstatic has put there, which the browser may keep for a year."""
    try:
        with open(safe_join(settings.STATIC_ROOT, path), "rb") as file:
            content = file.read()
    except OSError:
        raise Http404(path) from None
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(content, content_type=mimetypes.guess_type(path)[0], headers=headers)
