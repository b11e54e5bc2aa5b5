"""Writes the table of the recipes' lines, beside those of other projects, into docs/explanation/comparison.md.

Ours are counted in the pages. Run it from the root of the checkout after a recipe has changed, with
`python -m scripts.recipe_lines`.
"""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "explanation" / "comparison.md"
TABLE = re.compile(r"(?<=<!-- recipe lines -->\n).*?(?=<!-- /recipe lines -->)", re.DOTALL)
BLOCK = re.compile(r"^```(?P<kind>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"\s*(#|\{#|//)")
HTML = "html+django"

# The lines of the examples in other projects' documentation, counted by the same rules.
TURBO = "https://turbo.hotwired.dev/handbook/page_refreshes"
RAILS = "https://guides.rubyonrails.org/active_storage_overview.html"
SCROLL = "https://hexdocs.pm/phoenix_live_view/bindings.html"
UPLOADS = "https://hexdocs.pm/phoenix_live_view/uploads.html"
PAGINATION = "https://docs.convex.dev/database/pagination"
SEARCH = "https://docs.convex.dev/search/text-search"
OTHERS = {
    "search": {"Convex": (46, SEARCH)},
    "infinite-list": {"LiveView": (55, SCROLL), "Convex": (32, PAGINATION)},
    "detail-page": {"Turbo": (2, TURBO)},
    "upload": {"Turbo": (36, RAILS), "LiveView": (49, UPLOADS)},
}
PROJECTS = ("Turbo", "LiveView", "Convex")


def recipes() -> list[str]:
    """Return the names of the recipes, in the order of their index."""
    [toctree] = [block["code"] for block in BLOCK.finditer(text("index")) if block["kind"] == "{toctree}"]
    return [line for line in toctree.splitlines() if line and not line.startswith(":")]


def text(recipe: str) -> str:
    return (DOCS / "recipes" / f"{recipe}.md").read_text()


def lines(recipe: str) -> tuple[int, int]:
    """Return how many lines of Python and of HTML a recipe has: not empty, no comment, no style."""
    found = {"python": 0, HTML: 0}
    for block in BLOCK.finditer(text(recipe)):
        if block["kind"] in found:
            found[block["kind"]] += sum(
                1 for line in block["code"].splitlines() if line.strip() and not COMMENT.match(line)
            )
    return found["python"], found[HTML]


def row(recipe: str) -> str:
    title = text(recipe).partition("\n")[0].removeprefix("# ")
    python, html = lines(recipe)
    others = [OTHERS.get(recipe, {}).get(project) for project in PROJECTS]
    cells = [f"[{each[0]}]({each[1]})" if each else "" for each in others]
    return f"| [{title}](../recipes/{recipe}.md) | {python} + {html} | {' | '.join(cells)} |"


def filled(page: str) -> str:
    """Return a page's text with the current table."""
    head = f"| recipe | Python + HTML | {' | '.join(PROJECTS)} |\n|---|---|{'---|' * len(PROJECTS)}\n"
    return TABLE.sub(lambda _: head + "".join(f"{row(recipe)}\n" for recipe in recipes()), page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
