"""The link to a platform of the v2 protocol: asks it, and again if it fails (v2 protocol, section 4.0)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from perdure.errors import JsonError, NotConnectedError
from perdure.protocol.messages.codec import MessageShapeError
from perdure.protocol.messages.headers import RATE_RESET_HEADER
from perdure.protocol.task_batches import BATCH_BYTES
from perdure.transport.line_connection import LineConnection, LineError
from perdure.transport.node_link import perdure_version
from perdure.transport.reasons import reason_of
from perdure.transport.sent_body import sent_body
from perdure.transport.signer import Signer
from perdure.transport.task_line import NoLineError, TaskLine
from perdure.transport.wire_refusals import RateLimitedError, UnreadableError, check_rate, refuse
from perdure.transport.wire_request import WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS: Final = 9
"""How often a request is sent at most; together with the pauses that takes some ten seconds."""

REQUEST_SECONDS: Final = 30.0
"""How long a platform may take for one answer."""

ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""How many bytes of an answer are read."""

_CONNECTIONS: Final = 100
_KEEP_SECONDS: Final = 3.0
_PASSING: Final = (408, 429)
_NO_LINE_SECONDS: Final = 60.0
_FIRST_MS: Final = 80
_LONGEST_MS: Final = 2000
_JITTER_MS: Final = 50


class WireLink:
    """Asks the platform at a URL; for one event loop.

    Args:
        url: Its URL, without a slash at the end.
        api_key: What it is asked with.
        is_signing: Whether the key is not shown, not even to a platform of which nothing is known.
        told: Called with what a platform of perdure's tells unasked.

    Attributes:
        is_native: Whether what answered last is a platform of perdure's.
    """

    def __init__(
        self, url: str, api_key: str, *, is_signing: bool = False, told: Callable[[bytes], None] | None = None
    ) -> None:
        self.url = url
        self._told = told
        self.is_native = False
        self._signer = Signer(api_key, is_signing=is_signing)
        self._session: ClientSession | None = None
        self._line: TaskLine | None = None
        self._no_line_until = 0.0

    async def ask(self, request: WireRequest, *, reads: Callable[[bytes], object] | None = None) -> WireReply:
        """Send a request, again while the platform cannot be reached or fails; what it answers then.

        Args:
            request: What it is asked.
            reads: Reads the answer; one that it refuses is a failure of the platform, or of what stands before it.

        Raises:
            NotConnectedError: It does not answer, or does not take the key (`KeyRefusedError`), or is asked too often
                (`RateLimitedError`).
            UnreadableError: Its answers cannot be read.
            PerdureError: It refuses: what the same call raises in a node's own process.
        """
        for attempt in range(1, ATTEMPTS + 1):
            outcome = await self._attempt(request, reads)
            if isinstance(outcome, WireReply):
                return outcome
            if attempt == ATTEMPTS:
                raise outcome
            pause = min(2**attempt * _FIRST_MS, _LONGEST_MS) + random.uniform(0, _JITTER_MS)
            await asyncio.sleep(pause / 1000)
        raise AssertionError

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _attempt(
        self, request: WireRequest, reads: Callable[[bytes], object] | None
    ) -> WireReply | NotConnectedError | UnreadableError:
        """Send a request once; what is answered, or why that is worth another attempt."""
        try:
            reply = await self._send(request)
        except (ClientError, LineError, OSError, TimeoutError) as error:
            return self._no_answer(request, str(error) if isinstance(error, LineError) else reason_of(error))
        if reply.status >= 500 or reply.status in _PASSING:
            return self._no_answer(request, f"status {reply.status}")
        self.is_native = reply.is_native
        self._signer.is_signing = self._signer.is_signing or reply.is_native
        if reply.status >= 400:
            return refuse(reply, self.url, request)
        try:
            if reads is not None:
                reads(reply.body)
        except (JsonError, MessageShapeError) as error:
            said = f"What {self.url} answered to {request.method} {request.path} cannot be read: {error.message}"
            return UnreadableError(said)
        return reply

    def _no_answer(self, request: WireRequest, problem: str) -> NotConnectedError:
        return NotConnectedError(
            f"The server at {self.url} did not answer {request.method} {request.path}, in {ATTEMPTS} attempts: "
            f"{problem}."
        )

    async def _send(self, request: WireRequest) -> WireReply:
        if request.on_line and (reply := await self._send_by_line(request.body or b"")) is not None:
            return reply
        shown = self._signer.headers(request.method, request.path, body=request.body, headers=request.headers)
        headers = {**shown, **dict(request.headers)}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        async with self._open().request(
            request.method,
            URL(self.url + request.path, encoded=True),
            headers=headers,
            data=sent_body(request.body),
            allow_redirects=False,
        ) as response:
            check_rate(response.status, response.headers.get(RATE_RESET_HEADER, ""))
            body = await response.content.read(ANSWER_LIMIT)
            while len(body) < ANSWER_LIMIT and (more := await response.content.read(ANSWER_LIMIT - len(body))):
                body += more
            return WireReply(response.status, body, "Perdure-Version" in response.headers)

    async def _send_by_line(self, batch: bytes) -> WireReply | None:
        """Send a batch by the line; ``None``: there is none, by what the platform or a proxy before it does."""
        now = asyncio.get_running_loop().time()
        # To a batch that is too large a request has an answer, and a line has none.
        if not self.may_open_line() or len(batch) > BATCH_BYTES:
            return None
        if self._line is None:
            self._line = TaskLine(self.url, _own_headers(), self._signer, limit=ANSWER_LIMIT, told=self._told)
        line = self._line
        try:
            answer = await line.ask(batch, seconds=REQUEST_SECONDS)
        except NoLineError as error:
            if error.status is None or error.status < 500:
                self._no_line_until = now + _NO_LINE_SECONDS
            return None
        except LineError:
            if not line.has_answered:
                # What lets an opening through need not do so with frames.
                self._no_line_until = now + _NO_LINE_SECONDS
            raise
        if answer.status == 429 and answer.reset:
            raise RateLimitedError(answer.reset)
        return WireReply(answer.status, answer.body, is_native=True)

    def know_native(self) -> None:
        """Note that the platform is one of perdure's: it has said so in what it asked of the app."""
        self.is_native = self._signer.is_signing = True

    def may_open_line(self) -> bool:
        """Whether the platform has a line, as far as is known."""
        return self._signer.is_signing and asyncio.get_running_loop().time() >= self._no_line_until

    def open_line(self) -> LineConnection | None:
        """Give the line for batches, if one is open and nothing is under way."""
        return None if self._line is None else self._line.connection()

    def _open(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_SECONDS),
                cookie_jar=DummyCookieJar(),
                trust_env=False,
                timeout=ClientTimeout(total=REQUEST_SECONDS, sock_connect=5),
                headers=_own_headers(),
            )
        return self._session


def _own_headers() -> dict[str, str]:
    version = perdure_version()
    return {"Perdure-Version": version, "User-Agent": f"perdure/{version}"}
