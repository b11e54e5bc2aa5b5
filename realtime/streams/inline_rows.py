"""Inline rows: a row's HTML in the page's own template, between `{% live ... as task %}` and `{% endlive %}`.

Server processes that did not render the page find the HTML again, by the template's name and the tag. A client can
only ask for what a server has signed, for one stream. Django keeps what tags find in a template in
`Template.extra_data`.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import Any

from django.core import signing
from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.backends.django import Template as BackendTemplate
from django.template.base import NodeList, Parser, Template, Token
from django.template.loader_tags import BlockNode

from realtime.exceptions import StreamDefinitionError, TokenInvalid
from realtime.streams.hints import with_hint

SALT = "realtime.rows"
EXTRA_DATA = "realtime.rows"  # in the `extra_data` of parsers and templates
DIGEST_BYTES = 8
AROUND = ("autoescape", "language", "localize", "localtime", "timezone")


class InlineRows:
    """The HTML of a row in a template. `variable` is the row's name, `stream` the tag's first argument as written."""

    def __init__(self, parser: Parser, token: Token, *, stream: str, variable: str, nodelist: NodeList) -> None:
        self.template_name = str(getattr(parser.origin, "template_name", None) or "")
        self.origin = parser.origin
        self.stream = stream
        self.variable = variable
        self.nodelist = nodelist
        self.names: Any = None  # that it reads, as soon as they are known
        # the tags around it that change how their content is rendered
        self.around = [open_tag.contents for name, open_tag in parser.command_stack[:-1] if name in AROUND]
        self._written = (token.lineno, token.contents)
        if nodelist.get_nodes_by_type(BlockNode):
            raise TemplateSyntaxError(
                f"{{% block %}} stands between {{% {token.contents} %}} and {{% endlive %}}: a template that extends "
                "this one cannot change live rows. Put the block around the {% live %} tag."
            )
        others = parser.extra_data.setdefault(EXTRA_DATA, [])
        number = sum((each.stream, each.variable) == (stream, variable) for each in others)
        others.append(self)
        self.place = blake2b(f"{number} {variable} {stream}".encode(), digest_size=DIGEST_BYTES).hexdigest()

    def format(self, stream: str) -> str:
        """Return the format that clients ask for to get rows of this stream with this HTML.

        Raise `StreamDefinitionError` if other processes cannot find the HTML.
        """
        for depth, (_, template) in enumerate(_templates(self.template_name)):
            found = _rows_at(template, self.place) if template.origin == self.origin else None
            if found is not None and found._written == self._written:
                name = f"{self.template_name}#{self.place}" + (f".{depth}" if depth else "")
                return "html:" + _signer(stream).sign(name)
        where = repr(self.template_name) if self.template_name else "a template without a name"
        raise StreamDefinitionError(
            f"The rows of {{% live {self.stream} as {self.variable} %}} in {where} cannot be loaded again.",
            hint="Put the tag into a template that Django loads by this name, or give the stream a template_name.",
        )


class FoundRows:
    """Inline rows that a process has found by their format."""

    def __init__(self, backend: Any, template: Template, rows: InlineRows) -> None:
        self.rows = rows
        digest = blake2b(str(template.source).encode(), digest_size=DIGEST_BYTES)
        self.digest = digest.hexdigest()
        """Differs after the template was edited: rows of two versions do not mix in a page."""
        body = Template("", template.origin, template.name, template.engine)
        body.nodelist = rows.nodelist
        self.template = BackendTemplate(body, backend)


def find(stream: str, format: str) -> FoundRows | None:
    """Return the inline rows of a format, or None if it is the stream's own template.

    Raise `TokenInvalid` if the server has not signed it for this stream, or the template has no such rows any more.
    """
    _, _, signed = format.partition(":")
    if not signed:
        return None
    try:
        name = _signer(stream).unsign(signed)
    except signing.BadSignature:
        raise TokenInvalid("The token of this subscription was not issued by this server. Reload the page.") from None
    template_name, _, place = name.rpartition("#")
    place, _, depth = place.partition(".")
    for backend, template in islice(_templates(template_name), int(depth or 0), None):
        if rows := _rows_at(template, place):
            return FoundRows(backend, template, rows)
    raise with_hint(
        TokenInvalid("This page has expired. Reload it."),
        f"The template {template_name!r} has changed since, and does not show these rows any more.",
    )


def _signer(stream: str) -> signing.Signer:
    return signing.Signer(salt=f"{SALT}.{stream}")


def _rows_at(template: Template, place: str) -> InlineRows | None:
    return next((rows for rows in template.extra_data.get(EXTRA_DATA, ()) if rows.place == place), None)


def _templates(name: str) -> Iterator[tuple[Any, Template]]:
    """Yield the template that Django loads by this name, then those that it overrides and may extend."""
    for backend in engines.all() if name else ():
        if not isinstance(backend, DjangoTemplates):
            continue
        seen: list[Any] = []
        while True:
            try:
                template, origin = backend.engine.find_template(name, skip=seen)
            except (TemplateDoesNotExist, TemplateSyntaxError):
                break
            if origin in seen:  # a loader that does not skip
                break
            yield backend, template
            seen.append(origin)
