"""The HTML of a row: one element, which an HTML parser leaves in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MAX_KINDS = 1000

# Leading comments and white space are allowed; then comes the name of the root.
OPENING = re.compile(r"\s*(?:<!--.*?-->\s*)*<([A-Za-z][^\s/>]*)", re.DOTALL)

_ATTRIBUTES = r"""(?:[^>"'/]++|"[^"]*+"|'[^']*+'|/(?!>))*+"""
# The cheapest check: rows of one template with the same result have the same elements.
_NAMES = re.compile(r"<[^\s>]+")
# An element with only text is one token; for other tags: is it an end tag, its name, does it close itself.
_TOKENS = re.compile(
    rf"<!--.*?-->|<(script|style|textarea|title)\b{_ATTRIBUTES}/?>.*?</\1\s*>"
    rf"|<(/?)([a-z][^\s/>]*){_ATTRIBUTES}(/?)>",
    re.DOTALL | re.IGNORECASE,
)
_TRAILING = re.compile(r"(?:\s*<!--(?:(?!-->).)*-->)+\s*\Z", re.DOTALL)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VOID = _names("area base br col embed hr img input link meta source track wbr")
_HEADINGS = _names("h1 h2 h3 h4 h5 h6")
_BLOCKS = _names(
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer "
    "form header hgroup listing main menu nav ol pre search section summary table ul"
)
_CLOSE_P = _BLOCKS | _HEADINGS | _names("hr p li dd dt plaintext xmp")
_OPTIONAL_END = _names("li dt dd p option optgroup tr td th tbody thead tfoot caption colgroup rt rp")
# What a start tag closes implicitly, and the elements that stop this search.
_CLOSES = {
    "li": ({"li"}, {"ul", "ol", "menu", "dir"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "option": ({"option"}, {"select", "datalist"}),
    "optgroup": ({"option", "optgroup"}, {"select"}),
    "tr": ({"tr"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    **{name: ({"tbody", "thead", "tfoot"}, {"table"}) for name in ("tbody", "thead", "tfoot")},
    "a": ({"a"}, {"table", "td", "th", "caption"}),
    "button": ({"button"}, {"table", "td", "th", "caption"}),
    **{name: ({"p"}, {"button", "table", "td", "th", "caption", "object"}) for name in _CLOSE_P - {"li", "dd", "dt"}},
}
_FOREIGN = {"svg", "math"}
_BACK_TO_HTML = {"foreignobject", "desc", "title", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"}

_TABLE_PLACES = {
    "tr": "tbody", "td": "tr", "th": "tr", "col": "colgroup",
    **dict.fromkeys(("tbody", "thead", "tfoot", "caption", "colgroup"), "table"),
}  # fmt: skip
_TAKES = {
    "table": {"caption", "colgroup", "thead", "tbody", "tfoot"},
    **dict.fromkeys(("tbody", "thead", "tfoot"), frozenset({"tr"})),
    "tr": {"td", "th"},
    "colgroup": {"col"},
    "select": {"option", "optgroup", "hr"},
    "optgroup": {"option"},
}
_NOT_IN_ITSELF = [
    {"a"}, {"button"}, {"form"}, {"li"}, {"option"}, {"nobr"}, {"dt", "dd"}, _HEADINGS, {"select"},
]  # fmt: skip
_TEXT_ONLY = _names("iframe noembed noframes noscript plaintext script style template textarea title xmp")
_NOWHERE = {"body", "frame", "frameset", "head", "html"}
_SHAPES = _names("circle ellipse g line path polygon polyline rect use")
_SVG = _names("svg g defs symbol marker mask pattern clippath switch math mrow")
_LEAVES_SVG = (
    _BLOCKS - {"details", "dialog", "fieldset", "search", "form"} - {"summary"} - {"article", "aside", "section"}
    | _HEADINGS
    | _names(
    "b big body br code dd dt em embed head hr i img li meta nobr p ruby s small span strong strike sub "
    "sup"
)
    | {"table", "tt", "u", "var"}
)  # fmt: skip


class Inspector:
    """Checks the rows of one template, each kind of row once."""

    def __init__(self) -> None:
        self._good: set[tuple[str, ...]] = set()

    def fault(self, html: str) -> str | None:
        names = (*_NAMES.findall(html), html[-8:].rpartition("<")[2])
        if names in self._good:
            return None
        found = fault(html)
        if found is None and len(self._good) < MAX_KINDS:
            self._good.add(names)
        return found


def fault(html: str) -> str | None:
    """Return what is wrong with a row's HTML, as the end of a sentence about its template; None if it is valid."""
    html = _TRAILING.sub("", html.strip())
    if not OPENING.match(html):
        return "does not begin with an element"
    tags = list(_TOKENS.finditer(html))
    found = _read([tag.groups("") for tag in tags])
    if found is None and tags[-1].end() < len(html):
        return "has text behind its root element"
    return found or None


def _read(tokens: Iterable[Sequence[str]]) -> str | None:
    """Return what is wrong with these tags; "" if the root may end with the text, None if it is closed."""
    stack: list[str] = []
    root = ""
    for raw, closes, given, itself in tokens:
        name = (raw or given).lower()
        if not name:  # a comment
            continue
        if root and not stack:
            if not closes:
                return f"has two root elements, <{root}> and <{name}>"
            if name in _BLOCKS:
                return f"closes </{name}>, which it has not opened"
        elif closes:
            if name in stack:
                del stack[len(stack) - 1 - stack[::-1].index(name) :]
            elif name in _BLOCKS:
                return f"closes </{name}>, which it has not opened"
        else:
            foreign = _in_foreign(stack)
            if not foreign:
                _close_implied(stack, name)
            if root and not stack:
                return f"has two root elements, <{root}> and <{name}>"
            root = root or name
            if not (raw or (itself if foreign or name in _FOREIGN or name in _SHAPES else name in VOID)):
                stack.append(name)
    if not stack:
        return None
    left = next((name for name in stack if name not in _OPTIONAL_END), None)
    return f"leaves <{left}> open" if left else ""


def _in_foreign(stack: list[str]) -> bool:
    for name in reversed(stack):
        if name in _BACK_TO_HTML:
            return False
        if name in _FOREIGN:
            return True
    return False


def _close_implied(stack: list[str], name: str) -> None:
    closed, behind = _CLOSES.get(name, (set(), set()))
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] in closed:
            del stack[place:]
            return
        if stack[place] in behind:
            return


def misplaced(container: str, root: str) -> tuple[str, str] | None:
    """Return what a parser does to such rows in this container, and the remedy; None if it leaves them in place."""
    container, root = container.lower(), root.lower()
    if container in _TEXT_ONLY:
        return f"takes all in <{container}> for text", 'Take another container, such as container="ul".'
    if root in _NOWHERE:
        return f"drops <{root}>", "Let the row's template begin with another element."
    if container in _SVG:
        if root in _LEAVES_SVG:
            return (
                f"puts <{root}> behind the <svg>",
                "Let the row's template begin with an element such as <g>.",
            )
        return None
    place = _TABLE_PLACES.get(root)
    if root == "tr" and container == "table":
        return "puts a <tbody> between them", 'Say container="tbody", and put <table> around the tag.'
    if place and root not in _TAKES.get(container, ()):
        return f"drops <{root}>", f'Say container="{place}", and put the rest of the table around the tag.'
    if container in _TAKES and root not in _TAKES[container]:
        wanted = " or ".join(f"<{name}>" for name in sorted(_TAKES[container]))
        does = "drops" if container in ("select", "optgroup", "colgroup") else "moves"
        out = "" if does == "drops" else " out of the table"
        return f"{does} <{root}>{out}", f"Let the row's template begin with {wanted}, or take another container."
    if root == "image":
        return "makes an <img> of <image>", "Let the row's template begin with <img>."
    if container == "p" and root in _CLOSE_P:
        return f"ends the <p> before <{root}>", 'Take another container, such as container="div".'
    if any(container in names and root in names for names in _NOT_IN_ITSELF):
        return f"does not put <{root}> into <{container}>", "Take another container, or another element for the row."
    return None


# Without rows, the text of `{% empty %}` needs an element that a parser leaves in its place.
_WRAPPERS = {
    "tr": ('<tr><td colspan="{columns}">', "</td></tr>"),
    "tbody": ('<tbody><tr><td colspan="{columns}">', "</td></tr></tbody>"),
    "td": ("<td>", "</td>"),
    "th": ("<td>", "</td>"),
    "li": ("<li>", "</li>"),
    "option": ("<option disabled>", "</option>"),
    "dt": ("<dd>", "</dd>"),
    "dd": ("<dd>", "</dd>"),
}
_PHRASES = _names(
    "a abbr b bdi bdo button cite code data em i img input kbd label mark output q s samp small span strong time u var"
)
_CELL = re.compile(r"<t[dh][\s>]", re.IGNORECASE)


def empty_part(html: str, roots: Iterable[str], source: str = "") -> str:
    """Return the placeholder for rows as one element, marked with `data-live-empty`.

    `roots` are the root elements of rows, and `source` is a row's template, whose cells give the number of
    columns. An element of the author's own is kept if it stands alone.
    """
    html = html.strip()
    opening = OPENING.match(html)
    if not opening or fault(html) or _misses_place(opening[1].lower(), roots):
        root = next(iter(roots), "").lower()
        before, after = _WRAPPERS.get(root, ("<span>", "</span>") if root in _PHRASES else ("<div>", "</div>"))
        html = before.format(columns=max(1, len(_CELL.findall(source)))) + html + after
    return with_attribute(html, "data-live-empty")


def with_attribute(html: str, attribute: str) -> str:
    """Return HTML that begins with an element, with an attribute of this element added, such as `hidden`."""
    opening = OPENING.match(html)
    assert opening is not None
    return f"{html[: opening.end()]} {attribute}{html[opening.end() :]}"


def _misses_place(root: str, roots: Iterable[str]) -> bool:
    """Return whether a parser would not leave such an element among table rows or options."""
    places = {_TABLE_PLACES.get(each.lower()) or {"option": "select"}.get(each.lower()) for each in roots} - {None}
    return any(misplaced(str(place), root) is not None for place in places)
