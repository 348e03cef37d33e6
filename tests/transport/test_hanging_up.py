"""A server that has no use for an execution any more closes the connection on which it waits for that."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from perdure.protocol.execution import Abandoned, Succeeded
from perdure.protocol.messages.execution import RunMetadata
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.asking import NOW, REQUEST
from tests.transport.sending import sending
from tests.transport.server import response


@pytest.mark.parametrize("is_native", [True, False], ids=["perdure", "v2"])
async def test_an_app_of_perdures_is_hung_up_on_when_its_run_is_taken_away(*, is_native: bool) -> None:
    """What is executed next is another matter, and an app of v2 makes nothing of it."""
    asked: asyncio.Queue[str] = asyncio.Queue()
    may_answer = asyncio.Event()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        asked.put_nowait("asked")
        ending = asyncio.ensure_future(reader.read())
        answering = asyncio.ensure_future(may_answer.wait())
        await asyncio.wait((ending, answering), return_when=asyncio.FIRST_COMPLETED)
        if may_answer.is_set():
            versions = {"Perdure-Version": "0.1.0"} if is_native else {}
            writer.write(response(b'{"status":"SUCCESS"}', headers={"Connection": "close", **versions}))
        else:
            asked.put_nowait("hung up")
        answering.cancel()
        await ending
        writer.close()
        await writer.wait_closed()
        asked.put_nowait("closed")

    async def listens(job_id: str, metadata: RunMetadata) -> None:
        pass

    listener = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with asyncio.timeout(60), listener, sending() as outbound:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/api/trigger"
        link = AppLink("shop", url, api_keys=lambda: ["k"], requester=outbound, is_signed=is_native)
        endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens)
        executing = asyncio.ensure_future(endpoint.execute(REQUEST))
        assert await asked.get() == "asked"
        endpoint.abort("another run", "The run was cancelled.")
        endpoint.abort(REQUEST.run.id, "The run was cancelled.")
        if is_native:
            assert await asked.get() == "hung up"
            assert await asked.get() == "closed"
            assert await executing == Abandoned("The run was cancelled.")
            executing = asyncio.ensure_future(endpoint.execute(replace(REQUEST, epoch=REQUEST.epoch + 1)))
            assert await asked.get() == "asked"
        may_answer.set()
        assert await executing == Succeeded(None)
        assert await asked.get() == "closed"
