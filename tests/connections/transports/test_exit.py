"""How a server ends while a request is open."""

from __future__ import annotations

import signal
import socket

from tests.connections.transports.conftest import Daphne
from tests.support.demo import ABORTED, RECORD, TROUBLE
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
