"""How a server ends while a request is open, or while it waits for one."""

from __future__ import annotations

import asyncio
import signal
import socket

from tests.connections.transports.conftest import Daphne
from tests.models import Book
from tests.support.demo import ABORTED, RECORD, TROUBLE
from tests.support.remotes import LongPollRemote, Remote, SseRemote
from tests.support.waiting import seconds

BODY = b'[{"type":"hello","version":1}]'
REQUEST = b"POST /realtime/sse/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def test_daphne_ends_in_good_order_with_a_response_under_way(log, tmp_path):
    daphne = Daphne(tmp_path)
    daphne.start()
    with socket.create_connection(("127.0.0.1", daphne.port), timeout=seconds(20)) as connection:
        connection.sendall(REQUEST)
        received = b""
        while b"welcome" not in received:
            part = connection.recv(65536)
            assert part, received
            received += part
        process = daphne._process._popen
        process.send_signal(signal.SIGINT)
        try:
            # a crash of the interpreter would be a negative number
            assert process.wait(seconds(20)) == 0
        finally:
            daphne._process.kill()
    trouble = [record for record in RECORD.split(daphne.news()) if TROUBLE.search(record)]
    assert [record for record in trouble if ABORTED not in record] == []


async def test_polls_do_not_delay_the_end_of_daphne_and_miss_nothing(server, shelf, elsewhere, tmp_path):
    """This daphne has hours for each; another one serves the clients from then on."""
    patient = Daphne(tmp_path, application="tests.connections.transports.patient_app")
    patient.start()
    async with (
        LongPollRemote(patient.host) as gone,
        LongPollRemote(patient.host) as polls,
        SseRemote(patient.host) as streams,
    ):
        everybody: list[Remote] = [gone, polls, streams]

        async def add(title: str, *remotes: Remote) -> None:
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=title, pages=-ord(title))
            await asyncio.gather(*(remote.until(lambda remote=remote: title in remote.titles()) for remote in remotes))

        for remote in everybody:
            await remote.subscribe("top", shelf=shelf.pk)
        await add("a", *everybody)
        polled = polls.requests
        ends = [asyncio.create_task(remote.ended()) for remote in (polls, streams)]
        while polls.requests == polled:  # noqa: ASYNC110 - the client counts them
            await asyncio.sleep(0.01)
        gone.host = server.host  # its next poll goes to another process, while this one waits for it
        await patient.until(lambda clients: clients == 3)

        patient._process._popen.send_signal(signal.SIGTERM)
        assert [(await end)[0] for end in ends] == [4000, 4000]
        await add("b")
        assert await asyncio.to_thread(patient._process._popen.wait, seconds(30)) == 0
        polls.host = streams.host = server.host
        await add("c", *everybody)
        assert [remote.titles() for remote in everybody] == [["a", "b", "c"]] * 3
