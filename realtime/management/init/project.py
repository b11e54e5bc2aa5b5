"""Projects: what realtime needs in their files, and what is left to do by hand."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realtime.management.init.python_file import CannotEdit, PythonFile

APP = "realtime"
PACKAGE = "django-live-queries"
APPLICATION = "realtime.asgi.application"
ROUTE = 'path("realtime/", include("realtime.urls"))'
APPS_BY_HAND = 'Add "daphne" as the first app, and "realtime" as the last one.'
ASGI_BY_HAND = "Route WebSockets to realtime.routing.websocket_urlpatterns there, as docs/start/install.md shows."
ASGI_LINES = (
    "",
    "from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402",
    "",
    "from realtime.routing import LongPollMiddleware, websocket_urlpatterns  # noqa: E402  # imports models",
    "",
    "application = ProtocolTypeRouter(",
    '    {"http": LongPollMiddleware(application), "websocket": URLRouter(websocket_urlpatterns)}',
    ")",
)


class Project:
    """The files of a project below `root`, with the edits that realtime needs. `settings` are the loaded ones."""

    def __init__(self, root: Path, settings_module: str, settings: Any) -> None:
        self._root = root.resolve()
        self._module = settings_module
        self._settings = settings
        self._files: dict[Path, PythonFile] = {}
        self._texts: dict[Path, tuple[str, str]] = {}  # other files: before and after
        self.by_hand: list[str] = []
        for step in (self._add_apps, self._set_application, self._add_urls, self._add_requirement):
            try:
                step()
            except CannotEdit as refusal:
                self.by_hand.append(str(refusal))

    def diff(self) -> str:
        """Return all edits as a unified diff."""
        changes = [(file.path, file.before, file.source) for file in self._files.values()]
        changes += [(path, before, after) for path, (before, after) in self._texts.items()]
        found: list[str] = []
        for path, before, after in changes:
            name = path.relative_to(self._root).as_posix()
            old, new = ([f"{line}\n" for line in text.splitlines()] for text in (before, after))
            found += difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
        return "".join(found)

    def save(self) -> None:
        """Write the edited files. Raise `OSError`."""
        for file in self._files.values():
            if file.source != file.before:
                file.save()
        for path, (_, after) in self._texts.items():
            path.write_bytes(after.encode())

    # steps

    def _add_apps(self) -> None:
        apps = list(self._settings.INSTALLED_APPS)
        missing = [
            app for app in ("daphne", APP) if not any(each == app or each.startswith(f"{app}.apps.") for each in apps)
        ]
        if "daphne" in missing:  # first: it replaces runserver, as staticfiles does
            self._add_to_list(self._lists_of_apps()[0], "daphne", first=True)
        if APP in missing:
            self._add_to_list(self._lists_of_apps()[-1], APP)

    def _set_application(self) -> None:
        given = getattr(self._settings, "ASGI_APPLICATION", None)
        if given == APPLICATION:
            return
        if given:
            self._route(self._open_module(str(given).rpartition(".")[0]))
            return
        default = self._own_application()
        if default is not None and not _is_plain(default):
            raise CannotEdit(
                f"{self._name(default.path)} differs from what startproject writes, so it stays as it is. Name it in "
                f"ASGI_APPLICATION. {ASGI_BY_HAND}"
            )
        file, node = (
            self._last_assignment("WSGI_APPLICATION") or self._last_assignment("INSTALLED_APPS") or (None, None)
        )
        if file is None or node is None:
            raise CannotEdit(f'No place for ASGI_APPLICATION was found. Set ASGI_APPLICATION = "{APPLICATION}".')
        file.add_after(node, f'ASGI_APPLICATION = "{APPLICATION}"')

    def _route(self, file: PythonFile) -> None:
        if "realtime.routing" in file.source:
            return
        if not _is_plain(file):
            raise CannotEdit(f"{self._name(file.path)} differs from what startproject writes. {ASGI_BY_HAND}")
        file.append(*ASGI_LINES)

    def _add_urls(self) -> None:
        file = self._open_module(str(getattr(self._settings, "ROOT_URLCONF", "")))
        if "realtime.urls" in file.source:
            return
        places = file.assignments("urlpatterns")
        if not places:
            raise CannotEdit(f"{self._name(file.path)} has no urlpatterns. Add {ROUTE}.")
        value = places[0].value
        if isinstance(places[0], ast.AugAssign) or not isinstance(value, ast.List | ast.Tuple):
            file.append("", f"urlpatterns = [{ROUTE}, *urlpatterns]")
        else:
            file.add_item(value, ROUTE, first=True)  # before patterns that match any path
        file.add_import("django.urls", "include", "path")

    def _add_requirement(self) -> None:
        for name in ("requirements.txt", "requirements/base.txt"):
            path = self._root / name
            if not path.is_file():
                continue
            try:
                text = path.read_bytes().decode()
            except (OSError, UnicodeDecodeError) as error:
                raise CannotEdit(f"{name} cannot be read: {error}. Add {PACKAGE}.") from None
            if re.search(rf"^{PACKAGE}(?![\w.-])", text.replace("_", "-"), re.MULTILINE | re.IGNORECASE):
                return
            if "--hash=" in text or "autogenerated" in text:
                raise CannotEdit(f"{name} was generated by a tool. Add {PACKAGE} to its source.")
            newline = "\r\n" if "\r\n" in text else "\n"
            self._texts[path] = (text, f"{text.rstrip()}{newline}{PACKAGE}{newline}".lstrip())
            return

    # files

    def _open_module(self, module: str) -> PythonFile:
        try:
            spec = importlib.util.find_spec(module) if module else None
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.origin:
            raise CannotEdit(f"The module {module!r}, which the settings name, was not found.")
        return self._open(Path(spec.origin))

    def _open(self, path: Path) -> PythonFile:
        path = path.resolve()
        if not path.is_relative_to(self._root) or path.is_relative_to(sysconfig.get_path("purelib")):
            raise CannotEdit(f"{path} is not a file of the project in {self._root}, so it stays as it is.")
        if path not in self._files:
            self._files[path] = PythonFile(path)
        return self._files[path]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _own_application(self) -> PythonFile | None:
        """Return the `asgi.py` beside the WSGI application or the URLconf, if there is one."""
        for setting in ("WSGI_APPLICATION", "ROOT_URLCONF"):
            dotted = str(getattr(self._settings, setting, None) or "")
            package = dotted.rpartition(".")[0].rpartition(".")[0] if setting == "WSGI_APPLICATION" else ""
            package = package or dotted.rpartition(".")[0]
            try:
                return self._open_module(f"{package}.asgi") if package else None
            except CannotEdit:
                continue
        return None

    def _settings_files(self) -> Iterator[PythonFile]:
        """Yield the settings' file, and those that it imports with `*`, the nearest first."""
        waiting, seen = [self._module], set()
        while waiting:
            module = waiting.pop(0)
            if module in seen:
                continue
            seen.add(module)
            try:
                file = self._open_module(module)
            except CannotEdit:
                if not waiting and len(seen) == 1:
                    raise
                continue
            yield file
            package = module if file.path.name == "__init__.py" else module.rpartition(".")[0]
            for node in ast.walk(file.tree):
                if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                    relative = "." * node.level + (node.module or "")
                    waiting.append(importlib.util.resolve_name(relative, package) if node.level else relative)

    def _last_assignment(self, name: str) -> tuple[PythonFile, ast.stmt] | None:
        for file in self._settings_files():
            if found := file.assignments(name):
                return file, found[-1]
        return None

    def _lists_of_apps(self) -> list[tuple[PythonFile, ast.List | ast.Tuple]]:
        """Return the lists and tuples that INSTALLED_APPS consists of, in order."""
        for file in self._settings_files():
            for node in file.assignments("INSTALLED_APPS"):
                if isinstance(node, ast.AugAssign) or node.value is None:
                    continue
                if found := _literals(file, node.value):
                    return [(file, each) for each in found]
        name = self._module
        raise CannotEdit(f"INSTALLED_APPS of {name} is not a list that this command can edit. {APPS_BY_HAND}")

    def _add_to_list(self, place: tuple[PythonFile, ast.List | ast.Tuple], app: str, *, first: bool = False) -> None:
        file, node = place
        texts = [ast.get_source_segment(file.source, each) or "" for each in node.elts]
        quote = "'" if texts and all(not text.startswith('"') for text in texts) else '"'
        file.add_item(node, f"{quote}{app}{quote}", first=first)


def _literals(file: PythonFile, value: ast.expr, depth: int = 0) -> list[ast.List | ast.Tuple]:
    """Return the lists and tuples in an expression; nothing if it has other parts that might be apps."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        left, right = _literals(file, value.left, depth), _literals(file, value.right, depth)
        return [*left, *right] if left and right else []
    if isinstance(value, ast.List | ast.Tuple):
        starred = [each.value for each in value.elts if isinstance(each, ast.Starred)]
        if not starred:
            return [value]
        inner = [_literals(file, each, depth + 1) for each in starred]
        return [each for found in inner for each in found] if depth < 5 and all(inner) else []
    if isinstance(value, ast.Name) and value.id != "INSTALLED_APPS" and depth < 5:
        assigned = [node for node in file.assignments(value.id) if not isinstance(node, ast.AugAssign)]
        return _literals(file, assigned[0].value, depth + 1) if len(assigned) == 1 and assigned[0].value else []
    return []


def _is_plain(file: PythonFile) -> bool:
    """Return whether an `asgi.py` does what that of startproject does, and no more."""
    for node in file.tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        code = ast.unparse(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            if code not in ("import os", "from django.core.asgi import get_asgi_application"):
                return False
        elif not (code.startswith("os.environ.setdefault(") or code == "application = get_asgi_application()"):
            return False
    return True
