"""The connection that an app sends its batches of tasks by: opened once, then frames (`perdure.protocol.task_line`).

A request of HTTP with its headers, its signature and its client takes five times as long as what is in it, and a step
waits for it, on both sides.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from yarl import URL

from perdure.protocol.signing import SIGNED_ID_HEADER
from perdure.protocol.task_line import LINE_PATH, LINE_PROTOCOL, NOTICES_HEADER
from perdure.transport.line_connection import LineAnswer, LineConnection, LineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from perdure.transport.signer import Signer

OPEN_SECONDS: Final = 5.0
"""How long a line may take to be opened, and its connection to be made."""


class NoLineError(Exception):
    """The server, or what stands before it, opens no line.

    Attributes:
        status: What it has answered with; ``None``: nothing that could be read.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__(f"The line was not opened: {'no answer' if status is None else f'status {status}'}.")
        self.status = status


class TaskLine:
    """Sends batches to a server, one at a time, by a connection that is kept; for one event loop.

    Args:
        url: The server's URL, without a slash at the end.
        headers: The headers of the opening beside those that sign it.
        signer: Signs.
        limit: How many bytes of an answer are read.
        told: Called with what the server tells unasked; ``None``: it is not to.

    Attributes:
        has_answered: Whether a batch was ever answered: what stands before the server lets frames through.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        signer: Signer,
        *,
        limit: int,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        # As every other request names it: with a host and a path of ASCII alone.
        parts = urlsplit(str(URL(url)).rstrip("/"))
        self.has_answered = False
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (80 if self._tls is None else 443)
        self._target = parts.path + LINE_PATH
        listens = {} if told is None else {NOTICES_HEADER: "1"}
        self._headers = {"Host": parts.netloc.rpartition("@")[2], **headers, **listens}
        self._told = told
        self._signer = signer
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._connection: LineConnection | None = None

    async def ask(self, batch: bytes, *, seconds: float) -> LineAnswer:
        """Send a batch and read the answer.

        Raises:
            OSError: There is no connection.
            NoLineError: There is, but no line.
            LineError: The answer has not come, not whole, not in time, or is none.
        """
        connection = self.connection() or await self._open()
        answered: asyncio.Future[LineAnswer] = self._loop.create_future()

        def tell(answer: LineAnswer | LineError) -> None:
            if answered.done():
                return
            if isinstance(answer, LineError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        connection.send(batch, tell, seconds=seconds)
        try:
            answer = await answered
        finally:
            if answered.cancelled():
                connection.fail("nobody waits for it")
        self.has_answered = True
        return answer

    def connection(self) -> LineConnection | None:
        """Give the connection if it is open and nothing is under way."""
        found = self._connection
        return found if found is not None and found.is_fresh(self._loop.time()) else None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.fail("the line was closed")
            self._connection = None

    async def _open(self) -> LineConnection:
        self.close()
        # The path is signed as for every other call: that of the route.
        signed = self._signer.headers("POST", LINE_PATH, body=b"")
        secret = self._signer.line_secret(signed.get(SIGNED_ID_HEADER, ""))
        made = LineConnection(self._loop, secret, self._limit, self._told)
        headers = {**self._headers, **signed, "Connection": "Upgrade", "Upgrade": LINE_PROTOCOL, "Content-Length": "0"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._loop.create_connection(lambda: made, self._host, self._port, ssl=self._tls)
                status = await made.open(f"POST {self._target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        except (LineError, TimeoutError) as error:
            made.fail("it was not opened")
            if not made.was_made:
                raise
            # A proxy may drop what it does not know, without a word, or speak an older HTTP.
            raise NoLineError(None) from error
        except BaseException:
            made.fail("it was not opened")
            raise
        if status != 101:
            made.fail("it is no line")
            raise NoLineError(status)
        self._connection = made
        return made
