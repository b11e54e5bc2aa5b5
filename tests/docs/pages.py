"""The pages of the docs, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})(?P<kind>\S*)[^\n]*\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
INCLUDED = {"contributing", "changelog"}  # pages that show a file of the root


class Block(NamedTuple):
    page: str
    number: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, block {self.number} ({self.kind})"


def page_names() -> list[str]:
    """The README and the pages, without their suffix and relative to docs."""
    pages = sorted(str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md"))
    return ["../README", *(page for page in pages if page not in INCLUDED)]


def text(page: str) -> str:
    return (DOCS / f"{page}.md").read_text()


def blocks(page: str) -> list[Block]:
    found = FENCE.finditer(text(page))
    return [Block(page, number, match["kind"], match["text"]) for number, match in enumerate(found, 1)]


def blocks_of(*kinds: str) -> list[Block]:
    return [block for page in page_names() for block in blocks(page) if block.kind in kinds]
