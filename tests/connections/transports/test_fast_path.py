"""The way out of a WebSocket, under each server that it knows: everything goes out, in order, whichever way."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.connections.transports.conftest import ROOT
from tests.support.processes import Process, accepts, free_port
from tests.support.waiting import seconds

COMMANDS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}"],
    "daphne with TLS": ["daphne", "-e", "ssl:{port}:interface=127.0.0.1:privateKey={pem}:certKey={pem}"],
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "{port}"],
}
SIZES = [0, 1, 62, 63, 700, 32_767, 32_768, 70_000, 600_000]  # on both sides of what headers say and daphne reads


class Site:
    def __init__(self, name: str, directory) -> None:
        self.name = name
        self.port = free_port()
        pem = directory / "site.pem"
        self.certificate = make_certificate(pem) if "TLS" in name else None
        command = [part.format(port=self.port, pem=pem) for part in COMMANDS[name]]
        self.process = Process(
            [sys.executable, "-m", *command, "tests.connections.transports.fast_path_app:application"],
            log=directory / "log",
            ready=lambda: accepts(self.port),
            cwd=ROOT,
        )

    def client(self, **options):
        if self.certificate is None:
            return connect(f"ws://127.0.0.1:{self.port}/", max_size=None, **options)
        return connect(f"wss://127.0.0.1:{self.port}/", ssl=self.certificate, max_size=None, **options)


def make_certificate(path: Path) -> ssl.SSLContext:
    """Write a key with its certificate, and return what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(private + public)
    return ssl.create_default_context(cadata=public.decode())


@pytest.fixture(scope="module", params=COMMANDS)
def site(request, tmp_path_factory) -> Iterator[Site]:
    site = Site(request.param, tmp_path_factory.mktemp("server"))
    site.process.start()
    yield site
    site.process.kill()


async def test_server_is_known(site):
    async with site.client() as socket:
        await socket.send('"known"')
        assert json.loads(await socket.recv()) is True


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_messages_of_all_sizes_arrive_in_order(site, compression):
    async with site.client(compression=compression) as socket:
        await socket.send(json.dumps(SIZES * 3))
        assert [await socket.recv() for _ in SIZES * 3] == ["é" * size for size in SIZES * 3]


async def test_client_that_reads_late_gets_all_in_order_and_then_the_close(site):
    sizes = [1000 * (number % 40) + number for number in range(600)]  # more than sockets hold
    async with site.client(max_queue=1) as socket:
        await socket.send(json.dumps(sizes))
        socket.transport.pause_reading()
        await asyncio.sleep(0.2)
        socket.transport.resume_reading()
        assert [len(await socket.recv()) for _ in sizes] == sizes
        await socket.send('[1, 2, 3, "end"]')
        assert [len(await socket.recv()) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 4000


async def test_client_that_is_cut_leaves_no_trouble(site):
    for _ in range(5):
        async with site.client() as socket:
            await socket.send(json.dumps([20_000] * 500))
            await socket.recv()
            socket.transport.abort()
    async with asyncio.timeout(seconds(20)), site.client() as socket:  # it goes on
        await socket.send("[5]")
        assert await socket.recv() == "é" * 5
    log = site.process.output()
    assert "never retrieved" not in log
    assert "cannot be sent anything" not in log
    assert "Traceback" not in log
