"""The link to a node for one execution: what it asks is refused once its run is not its own any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from perdure.errors import StaleExecutionError
from perdure.protocol.messages.headers import EPOCH_HEADER, RUN_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from perdure.transport.http_part import Link
    from perdure.transport.node_request import NodeReply, NodeRequest
    from perdure.transport.node_target import Target
    from perdure.transport.wire_execution import WireExecution

T = TypeVar("T")


class HeldLink:
    """Asks what a `NodeLink` asks, in the name of an execution.

    Args:
        link: The way to the node.
        execution: Who asks.
        renew: Returns once the platform has given the execution a number that is good, or raises what ends it.
    """

    def __init__(self, link: Link, execution: WireExecution, renew: Callable[[WireExecution], Awaitable[None]]) -> None:
        self._link = link
        self._execution = execution
        self._renew = renew

    async def ask(self, request: NodeRequest, kind: type[T], *, longer: float = 0) -> T:
        """Send a request and read the answer, as `NodeLink.ask` does.

        Raises:
            StaleExecutionError: The run is not the execution's any more; nothing was done.
            PerdureError: As for `NodeLink.ask`.
        """
        while True:
            epoch = self._execution.epoch
            said = ((RUN_HEADER, self._execution.run_id), (EPOCH_HEADER, str(epoch)))
            try:
                return await self._link.ask(replace(request, headers=said), kind, longer=longer)
            except StaleExecutionError:
                # A server that was started anew has yet to hand the run out, to this execution under another number.
                await self._renew(self._execution)
                if self._execution.epoch == epoch:
                    raise

    async def send(self, request: NodeRequest, *, longer: float = 0) -> tuple[NodeReply, Target]:
        """Send a request that changes nothing."""
        return await self._link.send(request, longer=longer)

    def follow(self, request: NodeRequest, kind: type[T]) -> AsyncIterator[tuple[str, T]]:
        """Read a stream of events."""
        return self._link.follow(request, kind)

    async def close(self) -> None:
        """Leave the connections to the others that ask by them."""
