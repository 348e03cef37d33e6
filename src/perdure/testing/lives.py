"""The lives of an environment: one after the other on one database, each ended by a crash but the last."""

from __future__ import annotations

import asyncio
import os
from contextvars import Context
from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError, NotConnectedError
from perdure.storage.opening import open_storage
from perdure.testing.life import Life
from perdure.testing.outside import node_of
from perdure.testing.points import Names, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from perdure.sdk.client import Client
    from perdure.testing.clock import VirtualClock
    from perdure.testing.fakes import Fakes


class Lives:
    """Keeps a node with hosts for all clients at work on one database in memory, whatever crashes.

    Args:
        clock: The time.
        fakes: What answers tasks in place of their bodies.
        force_replay: Whether every suspension replays.
        script: What is to happen at crash points.
        patience: Says for how many seconds of real time a caller waits for the end of a run.
    """

    def __init__(
        self, clock: VirtualClock, fakes: Fakes, *, force_replay: bool, script: Script, patience: Callable[[], float]
    ) -> None:
        self.clock = clock
        self.names = Names()
        self.patience = patience
        self._fakes = fakes
        self._force_replay = force_replay
        self._script = script
        self._storage = open_storage("sqlite://")
        self._secret_key = os.urandom(32)
        self._clients: list[Client] = []
        self._waiting: list[Client] = []
        self._life: Life | None = None
        self._revival: asyncio.Task[None] | None = None
        self._hosting = asyncio.Lock()

    def use(self, clients: Iterable[Client]) -> None:
        """Host further clients; from now on they reach this node.

        Raises:
            InvalidArgumentError: One has started a node of its own.
        """
        for client in clients:
            if client.is_started:
                raise InvalidArgumentError(f"The client {client.id!r} has started a node of its own already.")
            client.node = node_of(self, client)
            self._clients.append(client)
            self._waiting.append(client)

    async def alive(self) -> Life:
        """Give the life at hand, as soon as there is one again, with all clients hosted.

        Raises:
            NotConnectedError: There is no client.
            DuplicateJobError: Two clients declare one job id.
        """
        while self._revival is not None:
            await asyncio.shield(self._revival)
        if self._waiting or self._life is None:
            async with self._hosting:
                await self._host()
        assert self._life is not None
        return self._life

    @property
    def url(self) -> str:
        """The URL of the node."""
        return self._begun().node.url

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with."""
        return self._begun().node.signing_key

    def asgi(self) -> Any:
        """Make the ASGI application of the node."""
        return self._begun().node.asgi()

    def _begun(self) -> Life:
        if self._life is None:
            raise NotConnectedError("The environment has not begun to work: await one of its calls first.")
        return self._life

    async def _host(self) -> None:
        if not self._clients:
            raise NotConnectedError(
                "The environment hosts no client: name it `client` in the test's module, return it from a fixture "
                "`perdure_client`, or call env.use(client)."
            )
        if self._life is None:
            await self._begin()
        while self._waiting:
            await self._begun().add(self._waiting.pop(0))

    async def _begin(self) -> None:
        self._waiting.clear()
        life = Life(
            self._storage,
            self.clock,
            self._fakes,
            script=self._script,
            names=self.names,
            force_replay=self._force_replay,
            on_crash=self._revive,
        )
        try:
            await life.begin(self._clients, self._secret_key)
        except BaseException:
            await life.end()
            raise
        self._life = life

    def _revive(self) -> None:
        # Called by the code of a run, whose branch this must not become.
        self._revival = asyncio.get_running_loop().create_task(self._bury_and_begin(), context=Context())

    async def _bury_and_begin(self) -> None:
        await self._begun().bury()
        await self._begin()
        self._revival = None

    async def close(self) -> None:
        """Stop the node and close the database, which is gone then."""
        for client in self._clients:
            client.node = None
        try:
            if self._revival is not None:
                await asyncio.shield(self._revival)
            if self._life is not None:
                await self._life.end()
        finally:
            await self._storage.close()
