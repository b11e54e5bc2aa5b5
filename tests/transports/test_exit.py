"""How a server ends while requests are open."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.support import http
from tests.support.waiting import seconds
from tests.transports.conftest import Daphne


@pytest.mark.parametrize("path", ["sse", "poll"])
async def test_daphne_ends_in_good_order_with_a_request_open(log, tmp_path, path):
    daphne = Daphne(tmp_path)
    daphne.start()
    process = daphne._process._popen
    asking = asyncio.create_task(
        http.request(f"http://{daphne.host}/realtime/{path}/", body='[{"type":"hello","version":1}]')
    )
    await daphne.until(lambda clients: clients > 0)
    process.send_signal(signal.SIGINT)
    # a crash of the interpreter would be a negative number
    assert await asyncio.to_thread(process.wait, seconds(20)) == 0
    assert "Traceback" not in daphne.news()
    [answer] = await asyncio.gather(asking, return_exceptions=True)
    if isinstance(answer, http.Response):
        answer.cut()
    await asyncio.sleep(0)  # for the socket to be closed
