"""Template tags: `{% realtime_script %}`, `{% live %}`, `{% live_value %}` and `{% live_form %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.template import TemplateSyntaxError
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from realtime.access import open_stream
from realtime.formparts import Look, render_form, user_of
from realtime.pages import WEBSOCKET_PATH, PagePart, page_part
from realtime.protocol.codec import encode_value

register = template.Library()

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@register.simple_tag(takes_context=True)
def realtime_script(context: Any) -> SafeString:
    """Load the browser's half. Once per page, in the head.

        {% load realtime %}{% realtime_script %}

    becomes `<script type="module" src="/static/realtime/realtime.js" data-realtime-url="/realtime/ws/"></script>`. A
    Content-Security-Policy nonce that Django or django-csp has put into the context or on the request is added.
    """
    request = context.get("request")
    nonce = context.get("csp_nonce") or getattr(request, "csp_nonce", "")
    prefix = request.META.get("SCRIPT_NAME", "") if request else ""
    return format_html(
        '<script type="module" src="{}" data-realtime-url="{}/{}"{}></script>',
        static("realtime/realtime.js"),
        prefix,
        WEBSOCKET_PATH,
        format_html(' nonce="{}"', nonce) if nonce else "",
    )


@register.simple_tag(takes_context=True)
def live(context: Any, name: str, container: str = "div", **params: Any) -> SafeString:
    """Show the rows of a stream, and keep them equal to the database.

        <ul>{% live "tasks" project=project.pk %}</ul>
        {% live "tasks" project=project.pk container="tbody" class="compact" %}

    The keywords are the stream's parameters, but for `container` (the element that holds the rows, a `div` by default)
    and `class` (its classes). Raise `Forbidden` where the user may not see them, which Django answers with 403.
    """
    classes = _plain(params.pop("class", ""))
    part = _part(context, name, "html", params)
    rows = format_html_join("\n", "{}", ((mark_safe(row),) for row in part.rows))  # noqa: S308 - rendered by a template
    return _element(container, name, "html", part, classes, rows)


@register.simple_tag(takes_context=True)
def live_value(context: Any, name: str, value: str, container: str = "span", **params: Any) -> SafeString:
    """Show a live value of a stream, and keep it true.

        {% live_value "tasks" "open_count" project=project.pk %} tasks are open.

    The keywords are as for `{% live %}`.
    """
    classes = _plain(params.pop("class", ""))
    format = f"value:{value}"
    part = _part(context, name, format, params)
    (current,) = part.rows
    return _element(container, name, format, part, classes, _text(current))


@register.simple_tag(takes_context=True)
def live_form(context: Any, name: str, instance: Any = None, **params: Any) -> SafeString:
    """Show the form of a stream, for a row or for a new one. It works without JavaScript too.

        {% live_form "tasks" project=project.pk %}
        {% live_form "tasks" task project=project.pk next=board_url submit="Save" class="wide" %}

    The keywords are the stream's parameters, but for `next` (where the user goes when it is saved; without it, the
    page stays), `submit` (the text of the button), `class` and `template`. Raise `Forbidden` where the user may not
    make or change such a row.
    """
    request = context.get("request")
    names = {"next": "next", "submit": "submit", "class": "classes", "template": "template"}
    look = Look(**{field: str(params.pop(name)) for name, field in names.items() if name in params})
    values = {key: _plain(value) for key, value in params.items()}
    stream = open_stream(user_of(request), _plain(name), values)
    return render_form(request, stream, instance=instance, look=look)


def _text(value: Any) -> str:
    """The text of a live value, as the browser's half has it."""
    if value is None or isinstance(value, str):
        return value or ""
    whole = isinstance(value, float) and value.is_integer()
    return encode_value(int(value) if whole else value).decode()


def _part(context: Any, name: str, format: str, params: dict[str, Any]) -> PagePart:
    request = context.get("request")
    user = getattr(request, "user", None) or context.get("user") or AnonymousUser()
    return page_part(user, _plain(name), {key: _plain(value) for key, value in params.items()}, format)


def _element(container: str, name: str, format: str, part: PagePart, classes: str, content: str) -> SafeString:
    if not container.replace("-", "").isalnum() or container.lower() in VOID:
        raise TemplateSyntaxError(f"{{% live %}} cannot make a container <{container}>: it must be able to hold rows.")
    return format_html(
        '<{} data-live="{}"{} data-live-params="{}" data-live-cursor="{}" data-live-view="{}" data-live-token="{}"{}>'
        "{}</{}>",
        container,
        name,
        "" if format == "html" else format_html(' data-live-format="{}"', format),
        encode_value(part.params).decode(),
        part.cursor,
        part.view,
        part.token,
        format_html(' class="{}"', classes) if classes else "",
        content,
        container,
    )


def _plain(value: Any) -> Any:
    """What a template holds, as a client would send it: no safe or lazy string, no enum member, no object."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, Promise):
        value = str(value)
    return "".join(value) if isinstance(value, str) else value
