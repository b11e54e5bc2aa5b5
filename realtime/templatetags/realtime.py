"""Template tags: `{% realtime_script %}`, `{% live %}`, `{% live_value %}`, `{% presence %}` and `{% live_form %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.middleware.csrf import get_token
from django.template import TemplateSyntaxError
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from realtime.access import open_stream
from realtime.exceptions import StreamDefinitionError
from realtime.formparts import Look, render_form, user_of
from realtime.pages import WEBSOCKET_PATH, PagePart, page_part
from realtime.protocol.codec import encode_value
from realtime.queries.valuetext import value_text
from realtime.streams.presence import SUFFIX, presence_of
from realtime.streams.registry import registry

register = template.Library()

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@register.simple_tag(takes_context=True)
def realtime_script(context: Any, *, share: bool = False) -> SafeString:
    """Load the browser's half. Once per page, in the head.

        {% load realtime %}{% realtime_script %}

    becomes `<script type="module" src="/static/realtime/realtime.js" data-realtime-url="/realtime/ws/"></script>`. A
    Content-Security-Policy nonce that Django or django-csp has put into the context or on the request is added, and,
    where `realtime.urls` is included, the address of the HTTP transports with what CSRF protection asks for.

    With `share=True` all pages of a session in one browser use one connection, where the browser can.
    """
    request = context.get("request")
    nonce = context.get("csp_nonce") or getattr(request, "csp_nonce", "")
    prefix = request.META.get("SCRIPT_NAME", "") if request else ""
    return format_html(
        '<script type="module" src="{}" data-realtime-url="{}/{}"{}{}{}></script>',
        static("realtime/realtime.js"),
        prefix,
        WEBSOCKET_PATH,
        _http_road(request),
        _shared_by(request) if share else "",
        format_html(' nonce="{}"', nonce) if nonce else "",
    )


def _shared_by(request: Any) -> SafeString | str:
    """Names the session, without telling its key: pages of another one share nothing with this page."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    if not key:
        return ""
    return format_html(
        ' data-realtime-share="{}"', salted_hmac("realtime.share", key, algorithm="sha256").hexdigest()[:32]
    )


def _http_road(request: Any) -> SafeString | str:
    try:
        folder = reverse("realtime:sse").removesuffix("sse/")
    except NoReverseMatch:
        return ""
    road = format_html(' data-realtime-http="{}"', folder)
    if request is None:
        return road
    token = get_token(request)  # sees to it that there is a cookie
    if settings.CSRF_USE_SESSIONS or settings.CSRF_COOKIE_HTTPONLY:
        return road + format_html(' data-realtime-csrf="{}"', token)
    return road + format_html(' data-realtime-csrf-cookie="{}"', settings.CSRF_COOKIE_NAME)


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
    return _element(container, name, format, part, classes, value_text(current))


@register.simple_tag(takes_context=True)
def presence(context: Any, name: str, container: str = "ul", **params: Any) -> SafeString:
    """Show who is at a stream that has `presence`; and whoever has the page open is there.

        {% presence "tasks" project=project.pk %}

    The keywords are as for `{% live %}`; with `watch=True` whoever has the page open only looks on. Each person
    is a row, as the stream of presence has it: `<li class="realtime-person" data-live-key="3">Ada Novak</li>`.
    """
    classes = _plain(params.pop("class", ""))
    mark = SafeString("" if params.pop("watch", False) else " data-live-presence")
    if presence_of(registry.get(_plain(name))) is None:
        raise StreamDefinitionError(
            f"The stream {name!r} has no presence.", hint="Set `presence = True` in its class."
        )
    name = _plain(name) + SUFFIX
    part = _part(context, name, "html", params)
    rows = format_html_join("\n", "{}", ((mark_safe(row),) for row in part.rows))  # noqa: S308 - rendered by a template
    return _element(container, name, "html", part, classes, rows, mark)


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


def _part(context: Any, name: str, format: str, params: dict[str, Any]) -> PagePart:
    request = context.get("request")
    user = getattr(request, "user", None) or context.get("user") or AnonymousUser()
    return page_part(user, _plain(name), {key: _plain(value) for key, value in params.items()}, format)


def _element(
    container: str, name: str, format: str, part: PagePart, classes: str, content: str, mark: str = ""
) -> SafeString:
    if not container.replace("-", "").isalnum() or container.lower() in VOID:
        raise TemplateSyntaxError(f"{{% live %}} cannot make a container <{container}>: it must be able to hold rows.")
    return format_html(
        '<{} data-live="{}"{} data-live-params="{}" data-live-cursor="{}" data-live-view="{}"'
        ' data-live-token="{}"{}{}>{}</{}>',
        container,
        name,
        "" if format == "html" else format_html(' data-live-format="{}"', format),
        encode_value(part.params).decode(),
        part.cursor,
        part.view,
        part.token,
        mark,
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
