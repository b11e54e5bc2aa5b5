"""Measures the structure: lines of each package, names that are used twice, and words that docs should not use.

`python -m scripts.structure` prints them. With `--check` it fails if a number exceeds its budget in
`scripts/structure.json`. With `--shrink` it lowers the budgets to the current numbers. It never raises a budget.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUDGET = ROOT / "scripts" / "structure.json"

NOT_CORE = ("client/", "testing/", "admin/", "metrics.py", "management/doctor/", "migrations/")

PER_DATABASE = {"base", "mysql", "postgresql", "sqlite"}
DJANGO = {"Meta", "Command", "Media"}
MIRROR = "client/"  # mirrors the server, so it uses the same names
MOST_METHODS = 9  # methods with the same name
STANDARD_METHODS = {"add", "close"}  # names of Python's own classes

WORDS = {
    "road": r"\broads?\b",
    "beat": r"(?<!heart)\bbeats?\b",
    "told, heard, said": r"\b(?:told|heard|said)\b",
    "asked anew": r"\basked (?:anew|again)\b",
    "come back": r"\b(?:comes?|came|coming) back\b",
    "anew, afresh": r"\b(?:anew|afresh)\b",
    "unsent": r"\bunsent\b",
    "people, person": r"\b(?:people|person)\b",
    "the browser's half": r"\bbrowser's half\b",
    "room, house": r"\b(?:rooms?|house)\b",
    "at hand, to be had": r"\b(?:at hand|to be had)\b",
    "is to, are to": r"\b(?:is|are|was|were) to (?!be\b)(?=[a-z])",
    "whoever": r"\bwho(?:ever|soever)\b",
    "of which": r"\bof (?:which|whom)\b",
}
LONE = re.compile(r"(?<![\w'\u2019.$%/-])(?<!\d )[b-zBD-HJ-Z](?![\w'\u2019.$/-])")
COPIED = re.compile(
    r"^<!-- api .*?^<!-- /api -->$", re.DOTALL | re.MULTILINE
)  # docstrings, which are counted in place
CODE = re.compile(r"```.*?```|^(?: {4}|\t)[^\n]*$|`[^`\n]*`|<[^>\n]*>|\]\([^)]*\)", re.DOTALL | re.MULTILINE)


def modules() -> list[Path]:
    """The package's modules, without migrations."""
    found = sorted((ROOT / "realtime").rglob("*.py"))
    return [path for path in found if "migrations" not in path.parts]


def sizes() -> Counter[str]:
    """Return the lines of each package or module in `realtime`."""
    lines: Counter[str] = Counter()
    for path in sorted((ROOT / "realtime").rglob("*.py")):
        lines[_in_package(path).partition("/")[0]] += len(path.read_text().splitlines())
    return lines


def core_lines() -> int:
    """Return the number of lines that a server process runs to serve clients."""
    files = [path for path in modules() if not _in_package(path).startswith(NOT_CORE)]
    return sum(len(path.read_text().splitlines()) for path in files)


def class_doubles() -> dict[str, list[str]]:
    """Return the class names that several files define; the Python client mirrors the server's names."""
    named = ((name, file) for file, path in _server_files() for name in _classes(path) if name not in DJANGO)
    return _several(named)


def module_doubles() -> dict[str, list[str]]:
    """Return the module names of several packages, except those that every database has."""
    return _several((Path(file).stem, file) for file, _ in _server_files() if Path(file).stem not in PER_DATABASE)


def _server_files() -> Iterator[tuple[str, Path]]:
    for path in modules():
        if path.stem != "__init__" and not _in_package(path).startswith(MIRROR):
            yield _in_package(path), path


@cache
def _nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of a module, which several measures look at."""
    return list(ast.walk(ast.parse(path.read_text())))


def _classes(path: Path) -> Iterator[str]:
    return (node.name for node in _nodes(path) if isinstance(node, ast.ClassDef))


def _several(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, file in named:
        places[name].append(file)
    return {name: files for name, files in sorted(places.items()) if len(files) > 1}


def crowded_methods() -> dict[str, int]:
    """Return the method names that too many classes define, with their number."""
    owners: Counter[str] = Counter()
    for path in modules():
        for node in _nodes(path):
            if isinstance(node, ast.ClassDef):
                functions = (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))
                owners.update({function.name for function in functions})
    return {
        name: n
        for name, n in sorted(owners.items())
        if n > MOST_METHODS and name not in STANDARD_METHODS and name[:2] != "__"
    }


def single_letters() -> list[str]:
    """Return the names of one letter: variables, arguments, functions and classes; `_` is allowed."""
    found = []
    for path in modules():
        for node in _nodes(path):
            name = {ast.arg: "arg", ast.FunctionDef: "name", ast.ClassDef: "name"}.get(type(node), "")
            text = getattr(node, name, "") if name else node.id if _is_assigned(node) else ""
            if len(text) == 1 and text.isalpha():
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {text}")  # type: ignore[attr-defined]
    return found


def _is_assigned(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def prose() -> Iterator[tuple[str, str]]:
    """Yield the texts of the docs and of public docstrings, without code."""
    for path in [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]:
        yield str(path.relative_to(ROOT)), CODE.sub(" ", COPIED.sub(" ", path.read_text()))
    for path in modules():
        yield str(path.relative_to(ROOT)), "\n".join(CODE.sub(" ", text) for text in _docstrings(path))


def _docstrings(path: Path) -> Iterable[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in _nodes(path):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield text


def words() -> dict[str, Counter[str]]:
    """Return how often each unwanted word occurs in each text."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for file, text in prose():
        for word, pattern in WORDS.items():
            if number := len(re.findall(pattern, text, re.IGNORECASE)):
                found[word][file] += number
    return dict(found)


def lone_letters() -> list[str]:
    """Return words of one letter in prose, except "a" and "I"."""
    found = []
    for file, text in prose():
        found += [f"{file} {word}" for word in LONE.findall(text)]
    return found


def measures() -> dict[str, int]:
    """Return the numbers that have a budget."""
    counted = words()
    return {
        "core lines": core_lines(),
        "class names that exist twice": len(class_doubles()),
        "module names that exist twice": len(module_doubles()),
        "names of ten methods or more": len(crowded_methods()),
        "names of one letter": len(single_letters()),
        "words of one letter": len(lone_letters()),
        **{f"word: {word}": counted.get(word, Counter()).total() for word in WORDS},
    }


def above(found: dict[str, int], budget: dict[str, int]) -> list[str]:
    """Return an error for each exceeded budget."""
    return [
        f"{name}: {number}, the budget in scripts/structure.json is {budget.get(name, 0)}."
        for name, number in found.items()
        if number > budget.get(name, 0)
    ]


def shrunk(found: dict[str, int], budget: dict[str, int]) -> dict[str, int]:
    """Return the budget, lowered to the current numbers."""
    return {name: min(number, budget.get(name, number)) for name, number in found.items()}


def _in_package(path: Path) -> str:
    return path.relative_to(ROOT / "realtime").as_posix()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail where something is above its budget")
    parser.add_argument("--shrink", action="store_true", help="lower the budget to what is there")
    parser.add_argument("--word", help="name the files of one word")
    options = parser.parse_args()
    budget = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    if options.word:
        for file, number in words()[options.word].most_common():
            print(f"{number:4} {file}")
        return 0
    found = measures()
    if options.shrink:
        BUDGET.write_text(json.dumps(shrunk(found, budget), indent=2) + "\n")
    if not options.check:
        for place, lines in sizes().most_common():
            print(f"{lines:6} {place}")
        for name, files in {**class_doubles(), **module_doubles()}.items():
            print(f"twice: {name} in {', '.join(files)}")
        for name, number in crowded_methods().items():
            print(f"{number} methods: {name}")
        for line in [*single_letters(), *lone_letters()]:
            print(f"one letter: {line}")
    for name, number in found.items():
        print(f"{number:6} {name} (budget {budget.get(name, '-')})")
    failures = above(found, budget)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if options.check and failures else 0


if __name__ == "__main__":
    sys.exit(main())
