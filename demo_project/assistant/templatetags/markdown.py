"""A filter for the little Markdown that the canned texts use. Any prefix of a text is whole HTML, and safe."""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_BLOCKS = re.compile(r"```\n?(.*?)(?:```|\Z)", re.DOTALL)  # a block that is not closed yet ends with the text
_CODE = re.compile(r"`([^`\n]+)`")
_INLINE = [
    (re.compile(r"\*\*([^*\n]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*\n]+)\*"), r"<em>\1</em>"),
]


@register.filter
def markdown(text: str) -> SafeString:
    """Turn Markdown into HTML. The text is escaped first, so that it can hold no HTML of its own."""
    parts = _BLOCKS.split(str(escape(text)))
    html = [f"<pre>{part}</pre>" if place % 2 else _paragraphs(part) for place, part in enumerate(parts)]
    return mark_safe("".join(html))  # noqa: S308 - escaped above


def _paragraphs(text: str) -> str:
    html = []
    for paragraph in filter(None, re.split(r"\n{2,}", text.strip("\n"))):
        lines = paragraph.split("\n")
        if all(line.startswith("- ") for line in lines):
            html.append(f"<ul>{''.join(f'<li>{_spans(line[2:])}</li>' for line in lines)}</ul>")
        else:
            html.append(f"<p>{_spans(paragraph)}</p>")
    return "".join(html)


def _spans(text: str) -> str:
    parts = _CODE.split(text)
    return "".join(f"<code>{part}</code>" if place % 2 else _marked(part) for place, part in enumerate(parts))


def _marked(text: str) -> str:
    for pattern, html in _INLINE:
        text = pattern.sub(html, text)
    return text
