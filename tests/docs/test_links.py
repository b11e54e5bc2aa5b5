"""Links of the README and the docs: external ones stand once in a list, the project's own lead to files that exist."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

import pytest

from tests.docs.pages import DOCS, ROOT, page_names, text

URLS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
REPOSITORY = URLS["Homepage"]
RAW = REPOSITORY.replace("https://github.com", "https://raw.githubusercontent.com") + "/main/"
SITE = URLS["Documentation"]
OWN = (REPOSITORY, RAW, SITE)
LINK = re.compile(r"\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")
CODE = re.compile(r"^(`{3,}).*?^\1$|`[^`\n]+`|^    .*$", re.MULTILINE | re.DOTALL)
ROOT_PAGES = ["CONTRIBUTING.md", "CHANGELOG.md"]


def listed() -> list[str]:
    """The external links, one a line, in docs/links.txt."""
    lines = (DOCS / "links.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def links(content: str) -> list[str]:
    return [first or second for first, second in LINK.findall(CODE.sub("", content))]


def all_links() -> list[str]:
    contents = [text(page) for page in page_names()] + [(ROOT / name).read_text() for name in ROOT_PAGES]
    return [link for content in contents for link in links(content) if link.startswith("http")]


def anchors(content: str) -> set[str]:
    """The anchors of headings, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub(lambda match: match[0].strip("`"), content), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_external_links_are_those_of_the_list():
    external = {link for link in all_links() if not link.startswith(OWN) and "127.0.0.1" not in link}
    assert sorted(external) == listed()


def test_each_link_of_the_list_stands_once():
    assert [link for link, number in Counter(listed()).items() if number > 1] == []


@pytest.mark.parametrize("link", sorted({link for link in [*all_links(), *URLS.values()] if link.startswith(OWN)}))
def test_own_link_leads_to_a_file(link):
    path, _, anchor = link.partition("#")
    if path.startswith(RAW):
        assert (ROOT / path.removeprefix(RAW)).is_file()
    elif path.startswith(SITE):
        page = DOCS / (path.removeprefix(SITE).removesuffix(".html") or "index")
        assert page.with_suffix(".md").is_file()
        assert not anchor or anchor in anchors(page.with_suffix(".md").read_text())
    elif "/blob/main/" in path:
        assert (ROOT / path.partition("/blob/main/")[2]).is_file()
    else:
        assert path in (REPOSITORY, f"{REPOSITORY}/issues")


@pytest.mark.parametrize("name", [*ROOT_PAGES, *(f"docs/{page}.md" for page in page_names() if "README" not in page)])
def test_relative_links_lead_to_files_and_headings(name):
    path = ROOT / name
    for link in links(path.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{name} links to {link}"
        if anchor and file.suffix == ".md":
            labels = set(re.findall(r"^\(([\w-]+)\)=$", file.read_text(), re.MULTILINE))
            assert anchor in anchors(file.read_text()) | labels, f"{name} links to {link}"


def test_readme_has_only_absolute_links():
    assert [link for link in links(text("../README")) if not link.startswith("http")] == []
