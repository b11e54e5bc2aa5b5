"""Writes llms.txt: each page of the site with its first sentence, for language models (https://llmstxt.org)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

FILE = "llms.txt"


def first_sentence(doctree: nodes.document) -> str:
    """The first sentence of the page's first paragraph."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document):
            text = paragraph.astext().replace("\n", " ")
            return re.split(r"(?<=[.!?:]) (?=[A-Z])", text)[0]
    return ""


def below(app: Sphinx, page: str) -> list[str]:
    """The page, and the pages of its own table of contents."""
    return [page, *(name for child in app.env.toctree_includes.get(page, []) for name in below(app, child))]


def sections(app: Sphinx) -> list[tuple[str, list[str]]]:
    """The captions of the first page's tables of contents, each with its pages."""
    index = app.env.get_doctree(app.config.root_doc)
    found = []
    for toctree in index.findall(lambda node: node.tagname == "toctree"):
        pages = [name for _, entry in toctree["entries"] for name in below(app, entry)]
        found.append((toctree["caption"], pages))
    return found


def text(app: Sphinx) -> str:
    base = app.config.html_baseurl
    index = app.env.get_doctree(app.config.root_doc)
    lines = [f"# {app.config.project}", "", f"> {first_sentence(index)}", ""]
    for caption, pages in sections(app):
        lines += [f"## {caption}", ""]
        for page in pages:
            title = app.env.titles[page].astext()
            about = first_sentence(app.env.get_doctree(page))
            lines.append(f"- [{title}]({base}_sources/{page}.md.txt)" + (f": {about}" if about else ""))
        lines.append("")
    return "\n".join(lines)


def write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        Path(app.outdir, FILE).write_text(text(app), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
