"""Views: handles live forms that are submitted without JavaScript, as a normal POST."""

from __future__ import annotations

from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from realtime.actions import forms
from realtime.actions.form_html import Layout, render_form, user_of
from realtime.auth.authorization import open_stream
from realtime.exceptions import BadParameters, Forbidden, InvalidArguments, NotFound, Stale, UnknownStream
from realtime.protocol.messages import Params
from realtime.streams.stream import ModelStream


class Subject(msgspec.Struct, frozen=True):
    """The stream, parameters and object that a form names. The view checks all of them."""

    stream: str
    params: Params
    pk: str | None


@require_POST
@csrf_protect
def submit(request: HttpRequest) -> HttpResponse:
    """Save a form and redirect to the next page, or show it again with its errors (status 422)."""
    try:
        subject = msgspec.json.decode(request.POST.get("_live_form", ""), type=Subject)
        stream = open_stream(user_of(request), subject.stream, subject.params)
        if not stream.form_class:
            raise UnknownStream("This stream has no form.")
        return _submit(request, stream, subject.pk)
    except (msgspec.DecodeError, BadParameters):
        return HttpResponseBadRequest(gettext("This form is not a live form."))
    except Forbidden as error:
        raise PermissionDenied(error.reason) from error
    except (UnknownStream, NotFound) as error:
        if not user_of(request).is_authenticated:  # do not reveal which streams exist
            raise PermissionDenied from error
        raise Http404(error.reason) from error


def _submit(request: HttpRequest, stream: ModelStream, pk: str | None) -> HttpResponse:
    user, version = user_of(request), request.POST.get("_live_version", "")
    data: Any = request.POST.copy()
    for name in [name for name in data if name.startswith("_live_") or name == "csrfmiddlewaretoken"]:
        del data[name]
    try:
        with transaction.atomic(using=stream.database()):
            if pk is None:
                forms.create_from(stream, user, data, request.FILES)
            else:
                forms.update_from(stream, user, pk, data, version, request.FILES)
    except InvalidArguments:
        return _show_again(request, stream, pk, data, version, {})
    except Stale as error:
        return _show_again(request, stream, pk, data, error.version, {"": [error.reason], **error.details})
    return HttpResponseRedirect(_next(request))


def _show_again(
    request: HttpRequest, stream: ModelStream, pk: str | None, data: Any, version: str, more: dict[str, Any]
) -> HttpResponse:
    def instance() -> Any:
        return forms.new_instance(stream) if pk is None else forms.find(stream, pk)

    form = stream.get_form(user_of(request), instance=instance(), data=data)
    form.full_clean()
    for name, sentences in more.items():
        for sentence in sentences:
            form.add_error(name or None, sentence)
    layout = Layout(next=_next(request))
    part = render_form(
        request, stream, instance=None if pk is None else instance(), layout=layout, form=form, version=version
    )
    title = gettext("Add %(name)s") if pk is None else gettext("Change %(name)s")
    title %= {"name": stream.model._meta.verbose_name}
    return render(request, "realtime/form_page.html", {"form": part, "title": title}, status=422)


def _next(request: HttpRequest) -> str:
    """Return the URL to redirect to: `_live_next` or the referring page, if it belongs to this site."""
    for url in (request.POST.get("_live_next", ""), request.headers.get("referer", "")):
        if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
            return url
    return "/"
