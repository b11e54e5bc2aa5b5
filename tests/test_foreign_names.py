"""Names of other packages that no documentation promises: each is listed here, and is what the package takes it for.

A new version that renames one fails here, by the name of the file that uses it. The upper bounds in `pyproject.toml`
keep versions out that these tests have not seen.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from channels.sessions import InstanceSessionWrapper
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubLoopLayer
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.contrib.messages import api as messages_api
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite
from django.db.models.expressions import Value
from django.db.models.query import ModelIterable
from django.db.models.sql import compiler
from django.forms.models import _get_foreign_key
from django.middleware.csrf import CsrfViewMiddleware
from twisted.internet.abstract import FileDescriptor
from twisted.internet.tcp import Connection as TwistedConnection

ROOT = Path(__file__).resolve().parents[1]

# What Django documents although it begins with an underscore, and what namedtuples have.
DOCUMENTED = {"_meta", "_state", "_default_manager", "_base_manager", "_replace", "_asdict"}


def handle_of_a_signal() -> bool:
    async def probe() -> bool:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(10, lambda: None)
        try:
            return callable(loop._signal_handlers[10]._run)
        finally:
            loop.remove_signal_handler(10)

    return asyncio.run(probe())


def atomic_block_of_a_test() -> bool:
    return transaction.Atomic("default", savepoint=False, durable=False)._from_testcase is False


def autobahn_protocol() -> bool:
    from autobahn.websocket.protocol import WebSocketProtocol

    source = inspect.getsource(WebSocketProtocol._connectionMade)
    return "self._perMessageCompress = None" in source and WebSocketProtocol.STATE_OPEN is not None


def daphne_protocol() -> bool:
    from daphne.server import Server
    from daphne.ws_protocol import WebSocketProtocol

    handed = "send=partial(self.handle_reply, protocol)"
    return WebSocketProtocol.muted is False and handed in inspect.getsource(Server.create_application)


def twisted_transport() -> bool:
    transport = FileDescriptor.__new__(FileDescriptor)
    transport.__init__(reactor=object())
    buffers = transport.dataBuffer, transport.offset, transport._tempDataBuffer, transport._tempDataLen
    begun = buffers == (b"", 0, [], 0)
    return begun and list(inspect.signature(TwistedConnection.writeSomeData).parameters) == ["self", "data"]


def session_wrapper() -> bool:
    return "self.real_send = send" in inspect.getsource(InstanceSessionWrapper)


def gunicorn_protocol() -> bool:
    from gunicorn.asgi.websocket import WebSocketProtocol

    masked = bytes(byte ^ b"abcd"[place % 4] for place, byte in enumerate(b"hello"))
    return WebSocketProtocol._unmask(None, masked, b"abcd") == b"hello"


def uvicorn_protocol() -> bool:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    source = inspect.getsource(WebSocketsSansIOProtocol)
    return all(f"self.{name}" in source for name in ("conn", "transport", "response"))


#: By name, what has to be true of the installed version.
PRIVATE: dict[str, Callable[[], Any]] = {
    "_db": lambda: User.objects.using("default")._db == "default",
    "_fields": lambda: User.objects.values("pk")._fields == ("pk",) and User.objects.all()._fields is None,
    "_iterable_class": lambda: User.objects.all()._iterable_class is ModelIterable,
    "_prefetch_related_lookups": lambda: (
        User.objects.prefetch_related("groups")._prefetch_related_lookups == ("groups",)
    ),
    "_known_related_objects": lambda: User.objects.all()._known_related_objects == {},
    "_queryset_class": lambda: User.objects._queryset_class is models.QuerySet,
    "_from_testcase": atomic_block_of_a_test,
    "_registry": lambda: isinstance(site._registry, dict),
    "_get_foreign_key": lambda: list(inspect.signature(_get_foreign_key).parameters)[:2] == ["parent_model", "model"],
    "_messages": lambda: "_messages" in inspect.getsource(messages_api.add_message),
    "_origin_verified": lambda: (
        list(inspect.signature(CsrfViewMiddleware._origin_verified).parameters) == ["self", "request"]
    ),
    "_reject": lambda: list(inspect.signature(CsrfViewMiddleware._reject).parameters) == ["self", "request", "reason"],
    "_output_field_or_none": lambda: Value(1)._output_field_or_none is not None,
    "_start_transaction_under_autocommit": lambda: (
        callable(SQLite._start_transaction_under_autocommit)
        and "_start_transaction_under_autocommit" in inspect.getsource(BaseDatabaseWrapper.set_autocommit)
    ),
    "_get_session_from_db": lambda: callable(SessionStore._get_session_from_db),
    "_perMessageCompress": autobahn_protocol,
    "_tempDataBuffer": twisted_transport,
    "_tempDataLen": twisted_transport,
    "_unmask": gunicorn_protocol,
    "_signal_handlers": handle_of_a_signal,
    "_run": handle_of_a_signal,
    "_kwargs": lambda: multiprocessing.Process(kwargs={"a": 1})._kwargs == {"a": 1},
    "_register_atexit": lambda: callable(threading._register_atexit),
}

#: Names without an underscore that are no less private.
UNDOCUMENTED: dict[str, Callable[[], Any]] = {
    "BaseDatabaseWrapper.run_on_commit": lambda: connection.run_on_commit == [],
    "BaseDatabaseWrapper.atomic_blocks": lambda: isinstance(connection.atomic_blocks, list),
    "BaseDatabaseWrapper.commit_on_exit": lambda: connection.commit_on_exit is True,
    "BaseDatabaseWrapper.set_autocommit": lambda: (
        list(inspect.signature(BaseDatabaseWrapper.set_autocommit).parameters)[:2] == ["self", "autocommit"]
    ),
    "SQLInsertCompiler.execute_sql": lambda: (
        list(inspect.signature(compiler.SQLInsertCompiler.execute_sql).parameters) == ["self", "returning_fields"]
    ),
    "SQLUpdateCompiler.execute_sql": lambda: (
        "result_type" in inspect.signature(compiler.SQLUpdateCompiler.execute_sql).parameters
    ),
    "SQLDeleteCompiler.as_sql": lambda: callable(compiler.SQLDeleteCompiler.as_sql),
    "SQLUpdateCompiler.pre_sql_setup": lambda: callable(compiler.SQLUpdateCompiler.pre_sql_setup),
    "Channels: InstanceSessionWrapper.real_send": session_wrapper,
    "Channels: channel_layers.make_backend": lambda: callable(channel_layers.make_backend),
    "channels_redis: RedisPubSubLoopLayer.flush": lambda: callable(RedisPubSubLoopLayer.flush),
    "channels_redis: RedisChannelLayer.close_pools": lambda: callable(RedisChannelLayer.close_pools),
    "daphne: protocol.muted, send=partial(handle_reply, protocol)": daphne_protocol,
    "Twisted: dataBuffer, offset, writeSomeData": twisted_transport,
    "uvicorn: conn, transport, response of its sansio protocol": uvicorn_protocol,
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "realtime").rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith(("__", "_realtime")) and len(name) > 1


def own_names(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines: functions, classes, variables, attributes of `self`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            yield node.attr


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_every_private_name_of_another_package_is_listed_here():
    trees = dict(modules())
    own = {name for tree in trees.values() for name in own_names(tree)} | DOCUMENTED
    unknown: set[str] = set()
    for file, tree in trees.items():
        for node in ast.walk(tree):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            if isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
                names = [node.args[1].value] if isinstance(node.args[1], ast.Constant) else []
            unknown |= {f"{file}: {name}" for name in names if is_private(name) and name not in {*own, *PRIVATE}}
    assert unknown == set()


@pytest.mark.parametrize("name", [*PRIVATE, *UNDOCUMENTED])
def test_name_is_what_it_is_taken_for(name, db):
    assert {**PRIVATE, **UNDOCUMENTED}[name](), f"{name} has changed: grep for it in realtime/"
