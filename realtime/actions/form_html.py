"""Form HTML: renders a stream's form in a page, with or without the user's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from realtime.actions import forms
from realtime.auth import tokens
from realtime.auth.identity import user_key
from realtime.auth.users import visitor
from realtime.exceptions import StreamDefinitionError
from realtime.protocol.codec import encode_value
from realtime.streams.keys import key_of
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import of_page

FORM_URL = "realtime:form"
TEMPLATE = "realtime/form.html"


class Layout(NamedTuple):
    """How a form is rendered, and which page follows when it is saved."""

    next: str = ""
    submit: str = ""
    classes: str = ""
    template: str = TEMPLATE


def user_of(request: Any) -> Any:
    return getattr(request, "user", None) or visitor()


def render_form(
    request: Any, stream: ModelStream, *, instance: Any, layout: Layout, form: Any = None, version: str | None = None
) -> SafeString:
    """Return the HTML of a form for a row of the stream, or for a new one (`instance` is None).

    `form` is an invalid form, with its errors, and `version` its version. Raise `Forbidden`.
    """
    if not stream.form_class:
        raise StreamDefinitionError(f"The stream {stream.name!r} has no form.", hint="Set form_class to a ModelForm.")
    user = user_of(request)
    forms.authorize(stream, user, instance)
    target = forms.new_instance(stream) if instance is None else instance
    opened = stream.get_form(user, instance=target, data=None)
    shown = opened if form is None else form
    pk = None if instance is None else key_of(instance)
    shown.auto_id = f"id_{stream.name}_{'new' if pk is None else pk}_%s"
    _add_aria(shown)
    context = {
        "action": _form_url(),
        "kind": "create" if instance is None else "update",
        "stream": stream.name,
        "token": tokens.sign(
            stream=stream.name, params=stream.wire_params(), format="form", user=user_key(user), surroundings=of_page()
        ),
        "params": encode_value(stream.wire_params()).decode(),
        "subject": encode_value({"stream": stream.name, "params": stream.wire_params(), "pk": pk}).decode(),
        "pk": pk,
        "form": shown,
        "version": "" if instance is None else version or forms.version_of(stream, opened),
        "next": layout.next,
        "submit": layout.submit or gettext("Save"),
        "classes": layout.classes,
    }
    return mark_safe(render_to_string(layout.template, context, request))  # noqa: S308 - rendered by a template


def _add_aria(form: Any) -> None:
    """Connect fields with their help texts and errors, for assistive technology."""
    errors: Mapping[str, Any] = form.errors if form.is_bound else {}
    for name in errors:
        if name in form.fields:
            bound = form[name]
            ids = f"{bound.auto_id}_error"
            if bound.help_text:
                ids = f"{bound.auto_id}_helptext {ids}"
            form.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": ids}


def _form_url() -> str:
    try:
        return reverse(FORM_URL)
    except NoReverseMatch:
        raise StreamDefinitionError(
            "A form has no address to be sent to.",
            hint='Add path("realtime/", include("realtime.urls")) to the URLconf.',
        ) from None
