"""The HTML of a row: one element, which a parser leaves where it stands."""

import pytest

from realtime.queries.row_html import Inspector, fault, misplaced

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "html",
    [
        "<li>a</li>",
        "  <!-- a <b> comment --> <!-- another --> <li>a</li> <!-- behind -->\n",
        "<li>an end tag that may be left out",
        "<tr><td>1<td>2</tr>",
        "<li><p>one<p>two<ul><li>a<li>b</ul></li>",
        "<hr>",
        '<img alt="a > b" src=x/>',
        "<x-row></x-row>",
        '<circle r="1"/>',
        '<svg><path d="M0 0"/><g/></svg>',
        "<li><svg><title><b>x</b></title><path/></svg></li>",
        "<li title='</li><li>'><b><i></b></i></li>",
        "<li><script>if (a<b && c) x('</div>')</script><textarea><div></textarea></li>",
        "<li><template><tr><td></td></tr></template></li>",
        "<LI>a</li>",
    ],
)
def test_one_element_with_comments_around_it_is_fine(html: str) -> None:
    assert fault(html) is None


@pytest.mark.parametrize(
    ("html", "wrong"),
    [
        ("text", "does not begin with an element"),
        ("", "does not begin with an element"),
        ("<li>a</li><p>b</p>", "has two root elements, <li> and <p>"),
        ("<!-- x --><li>a</li> <!-- y --> <li>b</li>", "has two root elements, <li> and <li>"),
        ("<li>a<li>b", "has two root elements, <li> and <li>"),
        ("<p>a<div>b</div></p>", "has two root elements, <p> and <div>"),
        ("<hr><p>a</p>", "has two root elements, <hr> and <p>"),
        ("<script>1</script><p>a</p>", "has two root elements, <script> and <p>"),
        ("<li>a</li> text", "has text behind its root element"),
        ("<img> text", "has text behind its root element"),
        ("<li><b>a</b></li> text", "has text behind its root element"),
        ("<div>a", "leaves <div> open"),
        ("<li><section>a", "leaves <section> open"),
        ("<div/>", "leaves <div> open"),
        ("<li></div></li>", "closes </div>, which it has not opened"),
        ("<li></li></ul>", "closes </ul>, which it has not opened"),
    ],
)
def test_what_is_no_single_element_is_named(html: str, wrong: str) -> None:
    assert fault(html) == wrong
    assert Inspector().fault(html) == wrong


def test_inspector_finds_a_fault_in_a_row_that_looks_otherwise() -> None:
    inspector = Inspector()
    rows = ["<li>a</li>", "<li>b</li>", "<li>c</li><li>d</li>", "<li>e</li> text", "<li>f</li>"]
    assert [inspector.fault(row) is None for row in rows] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("container", "root", "remedy"),
    [
        ("table", "tr", 'Say container="tbody", and put <table> around the tag.'),
        ("TABLE", "TR", 'Say container="tbody", and put <table> around the tag.'),
        ("div", "tr", 'Say container="tbody", and put the rest of the table around the tag.'),
        ("ul", "td", 'Say container="tr", and put the rest of the table around the tag.'),
        ("tbody", "td", 'Say container="tr", and put the rest of the table around the tag.'),
        ("x-rows", "tbody", 'Say container="table", and put the rest of the table around the tag.'),
        ("tbody", "div", "Let the row's template begin with <tr>, or take another container."),
        ("table", "li", "Let the row's template begin with <caption> or <colgroup> or <tbody> or <tfoot> or <thead>"),
        ("select", "div", "Let the row's template begin with <hr> or <optgroup> or <option>"),
        ("p", "div", 'Take another container, such as container="div".'),
        ("p", "p", 'Take another container, such as container="div".'),
        ("a", "a", "Take another container, or another element for the row."),
        ("h2", "h3", "Take another container, or another element for the row."),
        ("form", "form", "Take another container, or another element for the row."),
        ("textarea", "li", 'Take another container, such as container="ul".'),
        ("template", "li", 'Take another container, such as container="ul".'),
        ("div", "body", "Let the row's template begin with another element."),
        ("div", "image", "Let the row's template begin with <img>."),
        ("g", "div", "Let the row's template begin with an element such as <g>."),
    ],
)  # fmt: skip
def test_rows_that_a_parser_would_not_leave_in_their_container(container: str, root: str, remedy: str) -> None:
    found = misplaced(container, root)
    assert found is not None
    end = ", or take another container."
    assert found[1].removesuffix(end) == remedy.removesuffix(end)


STAYING = """
    tbody>tr table>tbody table>caption tr>th select>option optgroup>option colgroup>col ul>li div>p section>section
    dl>dt
    dl>div svg>g g>circle g>image p>span x-list>x-row td>div div>svg details>summary menu>li span>a datalist>option
    div>form math>mi
"""


@pytest.mark.parametrize("pair", STAYING.split())
def test_rows_that_stay_in_their_container(pair: str) -> None:
    assert misplaced(*pair.split(">")) is None
