"""What is written at once comes in its order, whatever is in the way."""

from __future__ import annotations

import asyncio

from perdure.transport.write_now import write_now


async def test_what_is_written_at_once_comes_after_what_was_written_before() -> None:
    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_read.wait()
        found.set_result(await reader.read())
        writer.close()

    may_read, found = asyncio.Event(), asyncio.get_running_loop().create_future()
    large = bytes(range(256)) * 40_000
    async with await asyncio.start_server(read, "127.0.0.1", 0) as listening:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, *listening.sockets[0].getsockname()
        )
        write_now(transport, b"first")
        # More than the system takes at once, so the rest is in the way of what follows.
        write_now(transport, large)
        write_now(transport, b"last")
        assert transport.get_write_buffer_size()
        may_read.set()
        transport.write_eof()
        assert await found == b"first" + large + b"last"
        transport.close()
