"""Writes the docstrings of public names into the reference pages, as Markdown.

The text from `<!-- api realtime.testing.Viewer: rows keys -->` to `<!-- /api -->` is replaced.
Run it from the root of the checkout after a docstring has changed, with `python -m scripts.api_reference`.
"""

import ast
import inspect
import os
import re
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

PAGES = [Path(__file__).resolve().parents[1] / "docs" / "reference" / f"{name}.md" for name in ("api", "testing")]
WANTED = re.compile(r"^<!-- api (?P<name>[\w.]+)(?:: (?P<members>[\w ]+))? -->\n.*?^<!-- /api -->$", re.M | re.S)


def filled(text: str) -> str:
    """Return a page's text with the current docstrings."""

    def fill(match: re.Match[str]) -> str:
        opening = match[0].partition("\n")[0]
        return "\n".join([opening, *entry(match["name"], (match["members"] or "").split()), "<!-- /api -->"])

    return WANTED.sub(fill, text)


def entry(name: str, members: Sequence[str]) -> list[str]:
    module, _, attribute = name.rpartition(".")
    value: Any = getattr(import_module(module), attribute)
    node = definition(value)
    if isinstance(node, ast.ClassDef):
        head = f"### `class {name}`\n"
        inner = [part for member in members for part in described(value, member)]
    else:
        head, inner = f"### `{signature(name, node)}`\n", []
    return [head, (inspect.getdoc(value) or "") + "\n", *inner]


def definition(value: Any) -> Any:
    """Return the syntax tree of a class or function."""
    return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]


def described(kind: type, member: str) -> list[str]:
    """Return an attribute or method of a class or its bases, with its docstring."""
    for base in kind.__mro__:
        if not base.__module__.startswith("realtime"):
            continue
        body = definition(base).body
        for number, item in enumerate(body):
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == member:
                return [f"#### `{method(item)}`\n", (ast.get_docstring(item) or "") + "\n"]
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id == member:
                default = f" = {ast.unparse(item.value)}" if item.value else ""
                after = body[number + 1 : number + 2]
                texts = [each.value.value for each in after if isinstance(each, ast.Expr)]  # type: ignore[attr-defined]
                return [f"#### `{member}{default}`\n", *(inspect.cleandoc(text) + "\n" for text in texts)]
    raise LookupError(f"{kind.__name__} has no {member}.")


def method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the signature as a caller sees it; for a property, its name."""
    names = [each.id for each in node.decorator_list if isinstance(each, ast.Name)]
    return node.name if {"property", "cached_property"} & set(names) else signature(node.name, node, skip=1)


def signature(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef, *, skip: int = 0) -> str:
    arguments = node.args
    arguments.args = arguments.args[skip:]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{prefix}{name}({ast.unparse(arguments)}){returns}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")
    import django

    django.setup()
    for path in PAGES:
        path.write_text(filled(path.read_text()))
