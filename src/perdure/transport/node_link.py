"""The link to a node: asks it, again if need be, and waits a while for one that is just starting or ending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlencode

from perdure.errors import InvalidArgumentError, NotConnectedError
from perdure.protocol.api_json import decode
from perdure.protocol.web_url import URL_LIMIT
from perdure.transport.event_stream import read_events
from perdure.transport.node_errors import error_of, read_refusal
from perdure.transport.node_request import LostError, NodeReply, NodeRequest, NotSentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from perdure.transport.node_session import NodeSession
    from perdure.transport.node_target import Finder, Target
    from perdure.transport.single_calls import SingleCalls

T = TypeVar("T")
Parts = AsyncGenerator[bytes, None]

PATIENCE_SECONDS: Final = 30.0
"""How long a call waits for a node that does not answer."""

_TOO_OFTEN: Final = 429
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class NodeLink:
    """Asks whatever node there is; for one event loop.

    Args:
        finder: Knows where it is.
        patience: For how many seconds a call waits for an answer.
        asks_little: Whether only few calls are made, by a program that is to begin and end quickly.
    """

    def __init__(self, finder: Finder, *, patience: float = PATIENCE_SECONDS, asks_little: bool = False) -> None:
        self._finder = finder
        self._patience = patience
        self._asks_little = asks_little
        self._session: NodeSession | SingleCalls | None = None

    async def ask(self, request: NodeRequest, kind: type[T], *, longer: float = 0) -> T:
        """Send a request and read the answer.

        Args:
            request: What is asked. It is sent again while no node can be reached; and after a connection was lost, if
                it ``repeats``.
            kind: The struct that is answered, or ``list`` of one.
            longer: How many seconds the node may take for it, beside the patience.

        Raises:
            PerdureError: What the call raises in the node's own process; `NotConnectedError`, or what else the finder
                says, if no node answers.
        """
        reply, target = await self.send(request, longer=longer)
        return decode(_body(reply, target), kind)

    async def send(self, request: NodeRequest, *, longer: float = 0) -> tuple[NodeReply, Target]:
        """Send a request as `ask` does; the answer as it is, and whose it is."""

        async def attempt(target: Target) -> tuple[NodeReply, Target]:
            return await self._open().send(target, request), target

        return await self._until_answered(attempt, request, longer=longer)

    async def follow(self, request: NodeRequest, kind: type[T]) -> AsyncIterator[tuple[str, T]]:
        """Read a stream of events: the name of each, and the struct in it. One that breaks off is begun anew.

        Raises:
            PerdureError: As for `ask`.
        """

        async def attempt(target: Target) -> tuple[NodeReply, tuple[Target, Parts]]:
            parts = self._open().stream(target, request)
            reply = await anext(parts)
            assert isinstance(reply, NodeReply)
            return reply, (target, parts)  # type: ignore[return-value]

        while True:
            reply, (target, parts) = await self._until_answered(attempt, request)
            try:
                _body(reply, target)
                async for name, data in read_events(parts):
                    if name == "error":
                        _check_error(data, target)
                        break
                    yield name, decode(data, kind)
            except LostError:
                continue
            finally:
                await parts.aclose()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _until_answered(
        self, attempt: Callable[[Target], Awaitable[tuple[NodeReply, T]]], request: NodeRequest, *, longer: float = 0
    ) -> tuple[NodeReply, T]:
        problem, pause = "Nothing has come back so far.", _FIRST_PAUSE
        limit = asyncio.timeout(self._patience + longer)
        try:
            async with limit:
                while True:
                    target = self._finder.find()
                    try:
                        if target is not None:
                            reply, rest = await attempt(target)
                            if reply.status != _TOO_OFTEN and not self._will_another_do(reply, target):
                                return reply, rest
                            problem = "It is just stopping." if reply.status != _TOO_OFTEN else "It is asked too often."
                    except NotSentError as error:
                        problem = str(error)
                    except LostError as error:
                        problem = str(error)
                        if not request.repeats:
                            raise _unknown(request, problem) from error
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
        except TimeoutError:
            if limit.expired():
                raise self._finder.failure(problem) from None
            raise

    def _will_another_do(self, reply: NodeReply, target: Target) -> bool:
        """Whether an answer says only that this node does nothing more, and another one is to be asked."""
        if reply.status == 503:
            refused = read_refusal(reply.body)
            return refused is None or refused.code == NotConnectedError.code
        # What listens now where a node listened before knows neither its key nor, perhaps, perdure.
        return (reply.status == 401 or not reply.is_native) and self._finder.find() != target

    def _open(self) -> NodeSession | SingleCalls:
        if self._session is None:
            self._session = _single_calls() if self._asks_little else _session()
        return self._session


def _session() -> NodeSession:
    from perdure.transport.node_session import NodeSession

    return NodeSession(perdure_version())


def _single_calls() -> SingleCalls:
    from perdure.transport.single_calls import SingleCalls

    return SingleCalls(perdure_version())


def _check_error(data: bytes, target: Target) -> None:
    """Raise the error that a stream has ended with, unless it is only that the node stops."""
    refused = read_refusal(data)
    if refused is None or refused.code != NotConnectedError.code:
        raise error_of(500, refused, url=target.url)


def path_of(*segments: str, query: Sequence[tuple[str, str | int | None]] = ()) -> str:
    """Write a path of the API, each segment percent-encoded, and a query without what is ``None`` in it.

    Raises:
        InvalidArgumentError: It is longer than nodes take.
    """
    path = "/api/" + "/".join(_quoted(segment) for segment in segments)
    given = [(name, value) for name, value in query if value is not None]
    written = f"{path}?{urlencode(given)}" if given else path
    if len(written) > URL_LIMIT:
        # A server refuses one that is far longer before the node can say so.
        raise InvalidArgumentError(f"What is asked for has too long a name: a URL may have {URL_LIMIT // 1024} KiB.")
    return written


def _quoted(segment: str) -> str:
    # HTTP clients resolve such segments themselves.
    return segment.replace(".", "%2E") if segment in (".", "..") else quote(segment, safe="")


def _body(reply: NodeReply, target: Target) -> bytes:
    if reply.status >= 400 or not reply.is_native:
        raise error_of(reply.status, read_refusal(reply.body), url=target.url)
    return reply.body


def _unknown(request: NodeRequest, problem: str) -> NotConnectedError:
    path = request.target.partition("?")[0]
    return NotConnectedError(
        f"The node went away before it answered {request.method} {path}. {problem} Whether it has done it is not "
        "known: look before you ask for it again."
    )


@cache
def perdure_version() -> str:
    """Give the version that every request names."""
    return version("perdure")
