"""A fuzzer that is led by coverage, for all that reads bytes of clients: `make fuzz`, FUZZ_SECONDS long.

    python -m tests.hostile.fuzz SECONDS [FOLDER]

Inputs that reach new branches of `realtime` are kept in the folder, and built upon. Each input goes to one reader,
which its first byte chooses; anything that a reader raises beside its refusals is a finding, and ends the run.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

SECONDS_PER_INPUT = 2  # of the largest input, with the instrumentation that makes it slow
MAX_BYTES = 70_000


def instrumented() -> Any:
    """atheris, once it follows what `realtime` does; it has to come before the first import of that."""
    import atheris

    with atheris.instrument_imports(include=["realtime"]):
        set_up()
        readers()
    return atheris


def set_up() -> None:
    """Django, as far as the readers need it."""
    import django
    from django.conf import settings

    if not settings.configured:
        databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        settings.configure(
            SECRET_KEY="fuzz", ALLOWED_HOSTS=["testserver"], INSTALLED_APPS=["realtime"], DATABASES=databases
        )
        django.setup()


def readers() -> Mapping[str, Callable[[bytes], None]]:
    """What reads a client's bytes; each returns, or raises nothing but its refusals, which are caught here."""
    from django.test import AsyncRequestFactory

    from realtime.auth import tokens
    from realtime.auth.limits import client_address, weight
    from realtime.auth.origins import check_origin
    from realtime.auth.sessions import is_session_key
    from realtime.changelog.mysql import MySQLChangeLog
    from realtime.changelog.postgresql import PostgreSQLChangeLog
    from realtime.changelog.sqlite import SQLiteChangeLog
    from realtime.connections.transports import sse
    from realtime.exceptions import BadMessage, ClientError, CursorExpired, OriginRefused, ProtocolError, TooLarge
    from realtime.protocol import codec
    from realtime.protocol.messages import Window
    from realtime.protocol.session import ClientSession

    logs = [MySQLChangeLog("default"), PostgreSQLChangeLog("default"), SQLiteChangeLog("default")]

    def message(data: bytes) -> None:
        with suppress(BadMessage, TooLarge):
            read = codec.decode(data, max_bytes=65536)
            again = codec.encode(read)
            # what was read is what is written; a message may grow by what it leaves out, and no further
            assert codec.encode(codec.decode(again.text, max_bytes=2 * 65536)) == again

    def body(data: bytes) -> None:
        with suppress(BadMessage, TooLarge):
            texts = codec.split(data)
            assert len(texts) <= 256
            assert weight(len(data)) >= 1
            for text in texts:
                with suppress(BadMessage, TooLarge):
                    codec.decode(text, max_bytes=65536)

    def session(data: bytes) -> None:
        state = ClientSession(
            heartbeat_seconds=25.0, window=Window(frames=4, bytes=65536), max_bytes=16384, max_subscriptions=4
        )
        with suppress(ProtocolError):
            state.receive('{"type":"hello","version":1}')
            state.welcome(None)
            for line in data.split(b"\n"):
                state.receive(line.decode(errors="surrogateescape"))

    def query(data: bytes) -> None:
        text, _, bookmark = data.decode("latin1").partition("\n")
        request = AsyncRequestFactory().get("/realtime/sse/", headers={"Last-Event-ID": bookmark.replace("\r", "")})
        request.META["QUERY_STRING"] = text
        with suppress(BadMessage):
            for wanted in sse._wanted(request, sse.Bookmark(bookmark)):
                with suppress(BadMessage, TooLarge):
                    codec.decode(wanted, max_bytes=65536)

    def cursors(data: bytes) -> None:
        texts = data.decode("latin1").split("\n")[:8]
        for log in logs:
            with suppress(CursorExpired):
                marks = [log.mark(text) for text in texts]
                assert log.mark(log.oldest(texts)) <= min(marks)

    def headers(data: bytes) -> None:
        origin, _, rest = data.decode("latin1").partition("\n")
        host, _, cookie = rest.partition("\n")
        with suppress(OriginRefused):
            check_origin(origin=origin, host=host, forwarded_host=host)
            assert host
        client_address(peer=host, headers={b"x-forwarded-for": origin})
        is_session_key(cookie)

    def token(data: bytes) -> None:
        with suppress(ClientError):
            tokens.read(data.decode("latin1"), user=None, max_age=10.0)
            raise AssertionError("nobody can sign a token")

    return {
        reader.__name__: reader for reader in (message, body, session, query, cursors, headers, token)
    }  # the order is that of the first byte


SEEDS = {
    "message": [
        b'{"type":"hello","version":1,"token":"t"}',
        b'{"type":"subscribe","id":1,"stream":"s","params":{"a":1},"format":"data","cursor":"e.1","view":"v"}',
        b'{"type":"call","id":"c","token":"t","action":"a","args":{"x":[1,{"y":"\\u0041"}]}}',
        b'{"type":"present","id":1,"data":{"x":[[[]]]}}',
        b'{"type":"send","id":1,"name":"n","data":{}}',
        b'{"type":"ack","messages":3}',
    ],
    "body": [b'[{"type":"hello","version":1},{"type":"ack","messages":3}]', b"[0,0]"],
    "session": [
        b'{"type":"subscribe","id":1,"stream":"s"}\n{"type":"unsubscribe","id":1}\n{"type":"ack","messages":1}'
    ],
    "query": [b"subscribe=%7B%22stream%22%3A%22s%22%7D&token=t\neyIxIjpbImUuMSIsInYiXX0="],
    "cursors": [b"ab12.5:9:6,7~5-170\nab12.5:9:~5-170", b"ab12.5-170~9-7-5_12-3-1\nab12.5-170", b"ab12.5-170"],
    "headers": [b"https://testserver\ntestserver:443\nabc", b"1.2.3.4, ::ffff:9.9.9.9\n[2001:db8::1]\n"],
    "token": [b"WyJzIix7fSwiZGF0YSIsbnVsbF0:1vX:sig", b".eJw:1:x"],
}


WORDS = [
    *("hello", "authenticate", "subscribe", "unsubscribe", "call", "send", "present", "ack", "type", "id", "version"),
    *("token", "stream", "params", "format", "cursor", "fingerprint", "action", "args", "name", "data", "messages"),
    *(
        "null",
        "true",
        "1e999",
        "-0",
        "0.0",
        "9" * 30,
        "\\u0000",
        "\\ud800",
        "\\\\",
        "[[[[[[[[",
        '{"":',
        '"}',
        "],",
        '":"',
    ),
    *("subscribe=%7B", "&token=", "https://", "[::1]", "xn--", "~", "_", ":", "-1", "18446744073709551616"),
]


def main() -> None:
    atheris = instrumented()
    found = list(readers().values())
    seconds = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[2] if len(sys.argv) > 2 else made)
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(readers()):
            for place, seed in enumerate(SEEDS[name]):
                (folder / f"seed-{name}-{place}").write_bytes(bytes([number]) + seed)
        dictionary = Path(made) / "words"
        lines = [word.replace("\\", "\\\\").replace('"', '\\"') for word in WORDS]
        dictionary.write_text("".join(f'"{line}"\n' for line in lines))
        options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={SECONDS_PER_INPUT}"]
        options += [f"-dict={dictionary}", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]

        def once(data: bytes) -> None:
            if data:
                found[data[0] % len(found)](data[1:])

        atheris.Setup(["fuzz", *options, str(folder)], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
