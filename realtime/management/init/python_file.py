"""Python files: edits at the positions that `ast` gives, which leave all else as it is written."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path


class CannotEdit(Exception):
    """The source has a shape that no edit fits; the text says what to do by hand."""


class PythonFile:
    """The source of a file, before and after edits. It is written by `save` alone.

    Raise `CannotEdit` if it cannot be read, or is no Python.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = path.read_bytes()
            self._encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            self.before = self.source = data.decode(self._encoding)
            ast.parse(self.source)
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise CannotEdit(f"{path} cannot be read: {error}") from None
        self._newline = "\r\n" if "\r\n" in self.source else "\n"

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def save(self) -> None:
        self.path.write_bytes(self.source.encode(self._encoding))

    def assignments(self, name: str) -> list[ast.Assign | ast.AnnAssign | ast.AugAssign]:
        """Return the statements of the module that assign to a name, in order."""
        found: list[ast.Assign | ast.AnnAssign | ast.AugAssign] = []
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                continue
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                found.append(node)
        return found

    def add_item(self, node: ast.List | ast.Tuple, code: str, *, first: bool = False) -> None:
        """Write an item into a list or tuple, on a line of its own where the others have theirs."""
        end = node.end_lineno or node.lineno
        is_spread = bool(node.elts) and node.elts[0].lineno > node.lineno and end > node.elts[-1].lineno
        indent = " " * node.elts[0].col_offset if is_spread else ""
        if is_spread and first:
            self._insert_lines(node.elts[0].lineno, [f"{indent}{code},"])
        elif is_spread:
            last = node.elts[-1]
            line = last.end_lineno or last.lineno
            comma = self._comma_after(last, node)
            if comma is None:
                self._insert(line, last.end_col_offset or 0, ",")
            self._insert_lines((comma or line) + 1, [f"{indent}{code},"])
        elif not node.elts and end > node.lineno:  # only comments
            self._insert_lines(node.lineno + 1, [f"{' ' * 4}{code},"])
        elif first or not node.elts:
            is_single = isinstance(node, ast.Tuple) and not node.elts
            behind = "," if node.elts or is_single else ""
            if node.elts and node.elts[0].lineno == node.lineno:
                behind += " "
            self._insert(node.lineno, node.col_offset + 1, code + behind)
        else:
            last = node.elts[-1]
            self._insert(last.end_lineno or last.lineno, last.end_col_offset or 0, f", {code}")

    def add_import(self, module: str, *names: str) -> None:
        """Import names from a module, in a statement that imports from it, or behind the last import at the top."""
        present = [node for node in self.tree.body if isinstance(node, ast.ImportFrom) and node.module == module]
        known = {alias.name for node in present for alias in node.names if alias.asname is None}
        missing = [name for name in names if name not in known]
        if not missing:
            return
        last = present[-1] if present else None
        if last is not None and last.lineno == last.end_lineno and all(alias.asname is None for alias in last.names):
            imported = ", ".join(sorted({*missing, *(alias.name for alias in last.names)}))
            line = self._lines()[last.lineno - 1]
            comment = line.partition(b"#")[2]
            text = f"from {module} import {imported}" + (f"  #{comment.decode()}".rstrip() if comment else "")
            self._replace_line(last.lineno, text)
            return
        self._insert_lines(self._end_of_imports() + 1, [f"from {module} import {', '.join(sorted(missing))}"])

    def add_after(self, node: ast.stmt, *code: str) -> None:
        """Write lines behind a statement."""
        self._insert_lines((node.end_lineno or node.lineno) + 1, list(code))

    def append(self, *code: str) -> None:
        """Write lines at the end."""
        if self.source and not self.source.endswith("\n"):
            self.source += self._newline
        self._insert_lines(len(self._lines()) + 1, list(code))

    def _comma_after(self, last: ast.expr, node: ast.AST) -> int | None:
        """Return the line of the comma behind the last item, if there is one."""
        ends = (last.end_lineno or 0, len(self._text(last.end_lineno or 0, last.end_col_offset or 0)))
        closes = getattr(node, "end_lineno", 0)
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            if token.start >= ends and token.start[0] <= closes and token.type == tokenize.OP:
                return token.start[0] if token.string == "," else None
        return None

    def _text(self, line: int, column: int) -> str:
        return self._lines()[line - 1][:column].decode()

    def _end_of_imports(self) -> int:
        end = 0
        for index, node in enumerate(self.tree.body):
            is_docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not isinstance(node, ast.Import | ast.ImportFrom) and not is_docstring:
                break
            end = node.end_lineno or node.lineno
        return end

    def _lines(self) -> list[bytes]:
        # columns of `ast` count bytes of UTF-8; form feeds end no line
        return [line + b"\n" for line in self.source.encode().removesuffix(b"\n").split(b"\n")]

    def _take(self, lines: list[bytes]) -> None:
        source = b"".join(lines).decode()
        try:
            ast.parse(source)
        except SyntaxError:
            raise CannotEdit(f"{self.path} has a shape that this command cannot edit.") from None
        self.source = source

    def _insert(self, line: int, column: int, code: str) -> None:
        lines = self._lines()
        text = lines[line - 1]
        lines[line - 1] = text[:column] + code.encode() + text[column:]
        self._take(lines)

    def _insert_lines(self, line: int, code: list[str]) -> None:
        lines = self._lines()
        lines[line - 1 : line - 1] = [(text + self._newline).encode() for text in code]
        self._take(lines)

    def _replace_line(self, line: int, text: str) -> None:
        lines = self._lines()
        lines[line - 1] = (text + self._newline).encode()
        self._take(lines)
