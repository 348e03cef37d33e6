"""How a test's clients reach their node, whichever life it is in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, cast

from perdure.errors import NotSettledError
from perdure.sdk.host import Host
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.node import Node
from perdure.sdk.scope import current_scope
from perdure.testing.env_host import EnvHost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from perdure.protocol.platform import Platform
    from perdure.protocol.runs import RunAnswer, RunEnd
    from perdure.sdk.client import Client
    from perdure.testing.life import Life


class Lives(Protocol):
    """What is asked of an environment."""

    patience: Callable[[], float]

    async def alive(self) -> Life:
        """Give the life at hand, as soon as there is one again, with all clients hosted."""
        ...

    @property
    def url(self) -> str:
        """The URL of the node."""
        ...

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with."""
        ...

    def asgi(self) -> Any:
        """Make the ASGI application of the node."""
        ...


class SteadyPlatform:
    """The platform of whatever life it is; a call begun in one waits for the next if need be."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Hand every call on."""

        async def call(*args: Any, **kwargs: Any) -> Any:
            _refuse_the_dead()
            life = await self._lives.alive()
            return await getattr(life.node.platform, name)(*args, **kwargs)

        return call

    async def wait_for_run(self, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return the run when it has ended; without a time-out, wait as long as the environment has patience.

        Raises:
            NotSettledError: The patience is at its end, which time that nobody lets pass would not change.
            TimeoutError: The run had not ended after ``timeout`` seconds.
        """
        run: RunAnswer = await self._outlive("wait_for_run", run_id, timeout)
        return run

    async def wait_for_end(self, run_id: str, *, timeout: float | None = None) -> RunEnd:
        """Return what the run came to when it has ended; otherwise as `wait_for_run`."""
        end: RunEnd = await self._outlive("wait_for_end", run_id, timeout)
        return end

    async def _outlive(self, call: str, run_id: str, timeout: float | None) -> Any:
        """Wait for a run by this call of a platform, in one life after another."""
        _refuse_the_dead()
        patience = self._lives.patience()
        limit = asyncio.timeout(patience if timeout is None else timeout)
        try:
            async with limit:
                while True:
                    answer = await self._end_in(await self._lives.alive(), call, run_id)
                    if answer is not None:
                        return answer
        except TimeoutError:
            if timeout is not None or not limit.expired():
                raise
        raise NotSettledError(
            f"Run {run_id} has not ended after {patience:g} s. If it waits for a time, let that pass: "
            "await env.advance(…) in place of waiting for the result, or before."
        )

    async def _end_in(self, life: Life, call: str, run_id: str) -> Any:
        """The answer when the run has ended; ``None`` if the life is over first."""
        waits: Awaitable[Any] = getattr(life.node.platform, call)(run_id)
        ended = asyncio.ensure_future(waits)
        over = asyncio.ensure_future(life.over.wait())
        try:
            await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()
            over.cancel()


class SteadyNode:
    """What a client's `Node` stands on."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self.platform = cast("Platform", SteadyPlatform(lives))

    @property
    def is_attached(self) -> bool:
        """Never: it has a node of its own."""
        return False

    @property
    def url(self) -> str:
        """The URL of the node."""
        return self._lives.url

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with."""
        return self._lives.signing_key

    def asgi(self) -> Any:
        """Make the ASGI application of the node."""
        return self._lives.asgi()

    async def stop(self) -> None:
        """Nothing: the environment stops its node."""


def node_of(lives: Lives, client: Client) -> Node:
    """Make the node by which a client reaches its environment."""
    return Node(SteadyNode(lives), Host(client))


def _refuse_the_dead() -> None:
    """Interrupt the body of a task whose life is over.

    Raises:
        Interrupt: It is.
    """
    scope = current_scope.get(None)
    if scope is not None and isinstance(scope.execution.host, EnvHost) and scope.execution.host.is_dead:
        raise Interrupt
