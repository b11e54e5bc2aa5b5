"""Template tags: the script, and what is live in a page: rows, values, presence, forms and actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import Http404
from django.middleware.csrf import get_token
from django.template import TemplateSyntaxError
from django.template.base import token_kwargs
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from realtime.actions.form_html import Layout, render_form, user_of
from realtime.auth import tokens
from realtime.auth.authorization import open_stream
from realtime.auth.identity import user_key
from realtime.auth.sentences import for_pages
from realtime.auth.users import visitor
from realtime.exceptions import StreamDefinitionError
from realtime.models import JOB_STREAM, NOTIFICATION_STREAM
from realtime.protocol.codec import encode_value
from realtime.queries import row_html
from realtime.queries.page import WEBSOCKET_PATH, PagePart, marker_params, page_part, unread_keys
from realtime.queries.rendering import is_in_row, refuse_in_row, takes_live_text
from realtime.queries.row_templates import TAKEN, refuse_outside_names, refuse_tags_around
from realtime.queries.script import SCRIPT, warn_if_uncollected
from realtime.queries.valuetext import value_text
from realtime.streams.inline_rows import InlineRows
from realtime.streams.presence import EVERYONE, SUFFIX, presence_of
from realtime.streams.registry import registry
from realtime.streams.surroundings import of_page
from realtime.streams.unread_rows import MOST
from realtime.templatetags.paging import page_request, remember, remembered, rest_of_address, take_more

register = template.Library()

SCRIPT_SEEN = "_realtime_script_seen"  # on a request, whose page has the script or looks for it


@register.simple_tag(takes_context=True)
def realtime_script(context: Any, *, share: bool = False, token_url: str = "") -> SafeString:
    """Load the JavaScript client. Once per page, in the head.

    For example::

        {% load realtime %}{% realtime_script %}

    becomes `<script type="module" src="/static/realtime/realtime.js" data-realtime-url="/realtime/ws/"></script>`.
    The tag adds the Content-Security-Policy nonce of Django or django-csp. If the project includes `realtime.urls`, it
    also adds the URL of the HTTP transports and the CSRF token.

    With `share=True`, all pages of a session in one browser use one connection, if the browser supports it.
    `token_url` is a URL of this site that answers with a token for `REALTIME_AUTHENTICATE`; each connection gets one.
    """
    warn_if_uncollected()
    request = page_request(context)
    if request is not None:
        setattr(request, SCRIPT_SEEN, True)
    prefix = request.META.get("SCRIPT_NAME", "") if request else ""
    return format_html(
        '<script type="module" src="{}" data-realtime-url="{}/{}"{}{}{}{}{}></script>',
        static(SCRIPT),
        prefix,
        WEBSOCKET_PATH,
        _http_attributes(request),
        _shared_by(request) if share else "",
        _attribute("data-realtime-token-url", token_url),
        _sentences(),
        _nonce_attribute(context),
    )


def _sentences() -> SafeString:
    sentences = for_pages()
    return _attribute("data-realtime-sentences", _json(sentences) if sentences else "")


def _nonce_attribute(context: Any) -> SafeString:
    return _attribute("nonce", str(context.get("csp_nonce") or getattr(page_request(context), "csp_nonce", "")))


def _check_script(context: Any) -> SafeString:
    """Return a script that reports a missing `{% realtime_script %}`, while DEBUG is on."""
    request = page_request(context)
    if not settings.DEBUG or getattr(request, SCRIPT_SEEN, False):
        return SafeString("")
    if request is not None:
        setattr(request, SCRIPT_SEEN, True)
    return format_html(
        '<script type="module" src="{}"{}></script>',
        static("realtime/debug.js"),
        _nonce_attribute(context),
    )


def _shared_by(request: Any) -> SafeString:
    """Return an attribute that identifies the session without its key: pages of other sessions share nothing."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    shared = salted_hmac("realtime.share", key, algorithm="sha256").hexdigest()[:32] if key else ""
    return _attribute("data-realtime-share", shared)


def _http_attributes(request: Any) -> SafeString:
    try:
        folder = reverse("realtime:sse").removesuffix("sse/")
    except NoReverseMatch:
        return SafeString("")
    attributes = _attribute("data-realtime-http", folder)
    if request is None:
        return attributes
    token = get_token(request)  # and set the cookie
    attributes += _attribute("data-realtime-csrf", token)  # for scripts that may not read the cookie
    if settings.CSRF_USE_SESSIONS or settings.CSRF_COOKIE_HTTPONLY:
        return attributes
    return attributes + _attribute("data-realtime-csrf-cookie", settings.CSRF_COOKIE_NAME)


def live(context: Any, name: str, container: str = "div", **params: Any) -> SafeString:
    """Return what `{% live %}` shows if the rows have the stream's template."""
    return _rows(context, name, container, params)


def _rows(
    context: Any,
    name: str,
    container: str | None,
    params: dict[str, Any],
    inline: InlineRows | None = None,
    empty: str = "",
    mark: SafeString = SafeString(""),  # noqa: B008 - immutable
) -> SafeString:
    refuse_in_row("live")
    name, classes = _plain(name), params.pop("class", "")
    if inline:
        refuse_outside_names(inline, context)
        refuse_tags_around(inline, registry.get(name))
    format = inline.format(name) if inline else "html"
    more = take_more(context, name, params)
    part = _part(context, name, format, params)
    if part.stream.key_parameter() is not None and not part.rows:
        raise Http404(f"The stream {name!r} has no row with this key.")
    remember(context, part)
    source = "".join(part.rows[:1]) or part.source
    shown = row_html.empty_part(empty, part.roots, source) if empty.strip() else ""
    html = _joined(part.rows or ([shown] if shown else []))
    if shown:
        mark += format_html(' data-live-when-empty="{}"', shown)
    if container is None and not html and "tr" in part.roots:  # then no parser makes one
        mark += SafeString(' data-live-in="tbody"')
    if part.stream.key_parameter() is not None:
        mark += SafeString(" data-live-single")
    if more is not None:
        mark, html = mark + more.mark(), more.around(html, part, format)
    return _element(container, name, format, part, classes, html, mark) + _check_script(context)


def _given_rows(queryset: Any) -> StreamDefinitionError:
    model = queryset.model
    name = str(model._meta.verbose_name_plural)
    return StreamDefinitionError(
        f"{{% live %}} was given a QuerySet of {model.__name__}, and needs the name of a stream.",
        hint=(
            f'Write register("{name}", {model.__name__}) into the streams.py of an app, or a class with this QuerySet '
            f'in get_queryset, and {{% live "{name}" as {model._meta.model_name} %}} here. Processes that write need '
            "to know which models are live, and access is checked again while the page is open."
        ),
    )


class LiveNode(template.Node):
    """`{% live %}`, with or without the HTML of a row."""

    child_nodelists = ("empty",)  # what only the page renders

    def __init__(
        self, name: Any, options: dict[str, Any], inline: InlineRows | None, empty: template.NodeList
    ) -> None:
        self.name = name
        self.options = options
        self.inline = inline
        self.empty = empty

    def render(self, context: Any) -> SafeString:
        options = {key: value.resolve(context) for key, value in self.options.items()}
        name, container = self.name.resolve(context), options.pop("container", None if self.inline else "div")
        if isinstance(name, QuerySet):
            raise _given_rows(name)
        if container is None and "class" in options:
            raise TemplateSyntaxError("{% live %} takes class only with container: it is the class of the container.")
        return _rows(context, name, container, options, self.inline, self.empty.render(context))


@register.tag("live")
def do_live(parser: Any, token: Any) -> LiveNode:
    """Show the rows of a stream, and keep them current.

    For example::

        <ul>
          {% live "tasks" project=project.pk as task %}
            <li>{{ task.title }}</li>
          {% empty %}
            <li>Nothing to do.</li>
          {% endlive %}
        </ul>
        {% live "tasks" project=project.pk container="tbody" class="compact" %}

    The keywords are the stream's parameters, except `container` (the element that holds the rows) and `class` (its
    classes). Without a container, the rows are in the element around the tag. Without `as`, rows have the stream's
    template. Raise `Forbidden` if the user may not see them, which Django answers with 403.

    If the stream has `paginate_by`, `page=3` shows a page. `more=True` shows the first page and a link to the next
    one, and `more="up"` the last page and a link to the one before. A stream with one row, because `partition_by`
    names the primary key, takes it as `pk=task.pk`. Raise `Http404` if there is no such row.
    """
    tag, *bits = token.split_contents()
    variable = None
    if "as" in bits:
        place = bits.index("as")
        variable, bits[place : place + 2] = next(iter(bits[place + 1 :]), ""), []
        if not variable.isidentifier():
            raise TemplateSyntaxError(f'{{% {tag} ... as %}} needs a name for the row: {{% live "tasks" as task %}}.')
        if variable in TAKEN:
            raise TemplateSyntaxError(
                f"{{% {tag} ... as {variable} %}} needs another name: rows already have {variable}."
            )
    if not bits or token_kwargs(bits[:1], parser):
        raise TemplateSyntaxError(f'{{% {tag} %}} needs the name of a stream: {{% live "tasks" %}}.')
    text, *rest = bits
    options = token_kwargs(rest, parser)
    if rest:
        raise TemplateSyntaxError(f"{{% {tag} %}} takes keywords after the stream's name, not {rest[0]}.")
    inline, empty = None, template.NodeList()
    if variable:
        nodelist = parser.parse(("empty", "endlive"))
        inline = InlineRows(parser, token, stream=text, variable=variable, nodelist=nodelist)
        if parser.next_token().contents == "empty":
            empty = parser.parse(("endlive",))
            parser.delete_first_token()
    return LiveNode(parser.compile_filter(text), options, inline, empty)


@register.simple_tag(takes_context=True)
def live_pages(context: Any, name: str, container: str = "nav", **params: Any) -> SafeString:
    """Show the links to the pages of a stream with `paginate_by`, and keep them up to date.

    For example::

        {% live "tasks" project=project.pk page=request.GET.page %}
        {% live_pages "tasks" %}

    Without keywords, the pages are those of the list above. The links work without JavaScript too.
    """
    refuse_in_row("live_pages")
    classes = params.pop("class", "")
    params = params or remembered(context, _plain(name))
    part = _part(context, name, "pages", params, query=rest_of_address(context, "page"))
    mark = format_html(' aria-label="{}"', gettext("Pages"))
    return _element(container, name, "pages", part, classes, _joined(part.rows), mark) + _check_script(context)


@register.simple_tag(takes_context=True)
def live_value(context: Any, name: str, value: str, container: str = "span", **params: Any) -> SafeString:
    """Show a live value of a stream, and keep it up to date.

    For example::

        {% live_value "tasks" "open_count" project=project.pk %} tasks are open.

    The keywords are as for `{% live %}`.
    """
    refuse_in_row("live_value")
    classes = params.pop("class", "")
    format = f"value:{value}"
    part = _part(context, name, format, params)
    (current,) = part.rows
    return _element(container, name, format, part, classes, value_text(current)) + _check_script(context)


@register.simple_tag(takes_context=True)
def live_text(context: Any, instance: Model, field: str, container: str = "span", **attributes: Any) -> SafeString:
    """Show a text field of a row, in the row's template, and let its live text grow there.

    For example::

        <li>{% live_text message "text" container="p" class="answer" %}</li>

    becomes `<p data-live-text="text" class="answer">…</p>`, with the text escaped. The keywords are `container` (the
    element, a `span` by default) and `class`. Without the tag, or for another object than the row, a page shows only
    what `realtime.live_text` has saved.
    """
    classes = _taken_class("live_text", attributes)
    return format_html(
        "<{0}{1}{2}>{3}</{0}>",
        container,
        _attribute("data-live-text", field if takes_live_text(instance, field) else ""),
        _attribute("class", _plain(classes)),
        str(getattr(instance, field) or ""),
    )


@register.simple_tag(takes_context=True)
def live_jobs(context: Any, container: str = "div", **attributes: Any) -> SafeString:
    """Show the user's newest jobs, with their progress and a button to cancel each. Nothing for anonymous users.

    For example::

        {% live_jobs %}
        {% live_jobs container="section" class="sidebar" %}

    The keywords are `container` (the element, a `div` by default) and `class` (by default, `realtime-jobs`). Each
    of the twenty newest jobs is a row, as `realtime/job.html` has it; a template of yours with this name replaces it.
    """
    return _own_rows(context, "live_jobs", JOB_STREAM, container, attributes, "realtime-jobs")


@register.simple_tag(takes_context=True)
def live_job(context: Any, job: Any, container: str = "div", **attributes: Any) -> SafeString:
    """Show one job of the user: a bar, percent, the time left, its state and its result.

    For example::

        {% live_job job %}
        {% live_job request.session.import_job container="section" %}

    `job` is a job or its primary key. The keywords are as for `{% live_jobs %}`. A job of another user is not shown.
    """
    return _own_rows(context, "live_job", JOB_STREAM, container, attributes, "realtime-jobs", job=str(_plain(job)))


@register.simple_tag(takes_context=True)
def live_notifications(context: Any, container: str = "div", **attributes: Any) -> SafeString:
    """Show the notifications of `realtime.notify`, with a button to dismiss each. Nothing for anonymous users.

    For example::

        {% live_notifications %}
        {% live_notifications container="aside" class="toasts" %}

    The keywords are `container` (the element, a `div` by default, with `role="status"`) and `class` (by default,
    `realtime-notifications`). Each of the twenty newest is a row, as `realtime/notification.html` has it.
    """
    mark = SafeString(' role="status"')
    return _own_rows(
        context, "live_notifications", NOTIFICATION_STREAM, container, attributes, "realtime-notifications", mark
    )


@register.simple_tag(takes_context=True)
def live_notification_count(context: Any, container: str = "span", **attributes: Any) -> SafeString:
    """Show the number of notifications that the user has not dismissed; nothing if there are none.

    For example::

        {% live_notification_count class="badge" %}

    The keywords are `container` (the element, a `span` by default) and `class`.
    """
    classes = _taken_class("live_notification_count", attributes)
    if not _user(context).is_authenticated:
        return SafeString("")
    return live_value(context, NOTIFICATION_STREAM, "count", container, **{"class": classes})


def _own_rows(
    context: Any,
    tag: str,
    name: str,
    container: str,
    attributes: dict[str, Any],
    classes: str,
    mark: SafeString = SafeString(""),  # noqa: B008 - immutable
    **params: str,
) -> SafeString:
    """Return the rows of a stream of realtime itself; nothing for anonymous users, since base templates have them."""
    refuse_in_row(tag)
    classes = _taken_class(tag, attributes, classes)
    if not _user(context).is_authenticated:
        return SafeString("")
    return _rows(context, name, container, {**params, "class": classes}, mark=mark)


def _taken_class(tag: str, attributes: dict[str, Any], classes: str = "") -> str:
    """Take the CSS classes out of the keywords of a tag, and refuse others."""
    classes = attributes.pop("class", classes)
    if attributes:
        raise TemplateSyntaxError(f"{{% {tag} %}} takes 'container' and 'class', not {', '.join(attributes)}.")
    return classes


@register.simple_tag(takes_context=True)
def live_unread(context: Any, name: str, container: str = "span", **params: Any) -> SafeString:
    """Show how many rows of a stream with `unread_by` the user has not seen. Nothing for anonymous users.

    For example::

        {% live_unread "messages" room=room.pk class="badge" %}

    The keywords are as for `{% live %}`. It shows up to 99, then "99+"; for 0, it is empty. In the template of a row,
    which all users share, only the JavaScript client fills it. Raise `Forbidden` if the user may not see the stream.
    """
    name, classes = _plain(name), params.pop("class", "")
    registry.get_with_unread(name)
    given, shown = _plain_values(params), ""
    if not is_in_row():
        user = _user(context)
        if not user.is_authenticated:
            return SafeString("")
        opened = open_stream(user, name, given, of_page())
        given, count = marker_params(opened), len(unread_keys(user, opened))
        shown = f"{MOST - 1}+" if count == MOST else str(count or "")
    return format_html(
        '<{0} data-live-unread-count="{1}" data-live-params="{2}"{3}>{4}</{0}>{5}',
        container,
        name,
        _json(given),
        _attribute("class", _plain(classes)),
        shown,
        SafeString("") if is_in_row() else _check_script(context),
    )


@register.simple_tag(takes_context=True)
def presence(context: Any, name: str, container: str = "ul", **params: Any) -> SafeString:
    """Show the present users of a stream that has `presence`. The page's own user is present too.

    For example::

        {% presence "tasks" project=project.pk %}

    The keywords are as for `{% live %}`. With `watch=True`, the page's user is not present. Each present user is a row
    of the stream of presence: `<li class="realtime-person" data-live-key="3">Ada Novak</li>`. In a crowd, the first
    fifty are shown, or all with `everyone=True`. `{% live_value "tasks:presence" "count" %}` shows their number.
    """
    refuse_in_row("presence")
    classes = params.pop("class", "")
    mark = SafeString("" if params.pop("watch", False) else " data-live-presence")
    if presence_of(registry.get(_plain(name))) is None:
        raise StreamDefinitionError(
            f"The stream {name!r} has no presence.", hint="Set `presence = True` in its class."
        )
    name = _plain(name) + (EVERYONE if params.pop("everyone", False) else SUFFIX)
    part = _part(context, name, "html", params)
    return _element(container, name, "html", part, classes, _joined(part.rows), mark) + _check_script(context)


@register.simple_tag(takes_context=True)
def live_form(context: Any, name: str, instance: Any = None, **params: Any) -> SafeString:
    """Show the form of a stream, for a row or for a new one. It works without JavaScript too.

    For example::

        {% live_form "tasks" project=project.pk %}
        {% live_form "tasks" task project=project.pk next=board_url submit="Save" class="wide" %}

    The keywords are the stream's parameters, except `next` (the page to show when it is saved; without it, the page
    stays), `submit` (the text of the button), `class` and `template`. Raise `Forbidden` if the user may not add or
    change such a row.
    """
    refuse_in_row("live_form")
    request = page_request(context)
    names = {"next": "next", "submit": "submit", "class": "classes", "template": "template"}
    layout = Layout(**{field: str(params.pop(name)) for name, field in names.items() if name in params})
    stream = open_stream(user_of(request), _plain(name), _plain_values(params))
    return render_form(request, stream, instance=instance, layout=layout)


@register.simple_tag(takes_context=True)
def live_actions(context: Any, name: str, **params: Any) -> SafeString:
    """Return the attributes of an element in which `data-live-call` calls actions of a stream, outside of its rows.

    For example::

        <section {% live_actions "tasks" project=project.pk %}>
          <form data-live-call="add"><input name="title"><button>Add</button></form>
        </section>

    becomes `<section data-live-stream="tasks" data-live-params="…" data-live-token="…">`. The keywords are the
    stream's parameters. Raise `Forbidden` if the user may not see the stream.
    """
    refuse_in_row("live_actions")
    user = _user(context)
    stream = open_stream(user, _plain(name), _plain_values(params))
    params = stream.wire_params()
    token = tokens.sign(
        stream=stream.name, params=params, format="actions", user=user_key(user), surroundings=of_page()
    )
    return format_html(
        'data-live-stream="{}" data-live-params="{}" data-live-token="{}"',
        stream.name,
        _json(params),
        token,
    )


@register.filter
def getlist(data: Any, name: str) -> list[Any]:
    """Return all values of one name in a query string, for a parameter that takes several.

    For example::

        {% live "tasks" project=project.pk tags=request.GET|getlist:"tags" container="ul" %}

    It is Django's `QueryDict.getlist`. Without a request, it returns an empty list.
    """
    return data.getlist(name) if hasattr(data, "getlist") else []


def _part(context: Any, name: str, format: str, params: dict[str, Any], *, query: str = "") -> PagePart:
    page = page_request(context) or getattr(context, "render_context", None)
    return page_part(_user(context), _plain(name), _plain_values(params), format, page=page, query=query)


def _user(context: Any) -> Any:
    return getattr(page_request(context), "user", None) or context.get("user") or visitor()


def _attribute(name: str, value: str) -> SafeString:
    return format_html(' {}="{}"', name, value) if value else SafeString("")


def _joined(rows: Iterable[str]) -> SafeString:
    return format_html_join("\n", "{}", ((mark_safe(row),) for row in rows))  # noqa: S308 - rendered by a template


def _element(
    container: str | None, name: str, format: str, part: PagePart, classes: str, content: str, mark: str = ""
) -> SafeString:
    attributes = format_html(
        'data-live="{}"{} data-live-params="{}" data-live-cursor="{}" data-live-fingerprint="{}"'
        ' data-live-token="{}"{}{}{}{}',
        name,
        _attribute("data-live-format", "" if format == "html" else format),
        _json(part.params),
        part.cursor,
        part.fingerprint,
        part.token,
        "" if part.viewer is None else format_html(' data-live-viewer="{}"', part.viewer),
        _attribute("data-live-marker", "" if part.marker is None else _json(part.marker)),
        mark,
        _attribute("class", _plain(classes)),
    )
    if container is None:  # the script finds the element around it
        return format_html("{}<template {}></template>", content, attributes)
    if not container.replace("-", "").isalnum() or container.lower() in row_html.VOID:
        raise TemplateSyntaxError(f"{{% live %}} cannot create a container <{container}>: it cannot contain rows.")
    for root in part.roots:
        if found := row_html.misplaced(container, root):
            does, remedy = found
            raise TemplateSyntaxError(
                f"{{% live %}} cannot put rows of the stream {name!r} into <{container}>: they begin with <{root}>, "
                f"and an HTML parser {does}. {remedy}"
            )
    return format_html("<{} {}>{}</{}>", container, attributes, content, container)


def _json(params: Mapping[str, Any]) -> str:
    return encode_value(params, default=str).decode()


def _plain_values(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in params.items()}


def _plain(value: Any) -> Any:
    """Return a value of a template as a client would send it: no safe or lazy string, no enum member, no object."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, Promise):
        value = str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return "".join(value) if isinstance(value, str) else value
