"""A life: a node with the hosts of a test's clients, from its start to its end or to a crash."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Any

from perdure.config.settings import Settings
from perdure.engine.agenda import find_next_due
from perdure.protocol.execution import Suspended, Yielded
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.scope import current_scope
from perdure.storage import runs
from perdure.testing.env_host import EnvHost
from perdure.testing.lifeline import Lifeline

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime

    from perdure.protocol.execution import ExecutionRequest, ExecutionResult
    from perdure.protocol.platform import Platform
    from perdure.sdk.client import Client
    from perdure.server.embedded_node import EmbeddedNode
    from perdure.storage.interface import Storage
    from perdure.storage.runs import RunState
    from perdure.testing.clock import VirtualClock
    from perdure.testing.fakes import Fakes
    from perdure.testing.points import Names, Script

_UNWINDING = 10.0
"""For how many seconds the code of a life that is over may run its ``finally`` blocks."""


class Life:
    """A node and its hosts, on a database that outlives them.

    Attributes:
        script: What is to happen at crash points.
        names: What runs and tasks are called.
        is_over: Whether it has crashed: what its code asks for reaches nothing.
        over: Set when it has.
    """

    def __init__(
        self,
        storage: Storage,
        clock: VirtualClock,
        fakes: Fakes,
        *,
        script: Script,
        names: Names,
        force_replay: bool,
        on_crash: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._fakes = fakes
        self._force_replay = force_replay
        self._on_crash = on_crash
        self._hosts: list[EnvHost] = []
        self._executions: set[asyncio.Task[Any]] = set()
        self._node: EmbeddedNode | None = None
        self.script = script
        self.names = names
        self.is_over = False
        self.over = asyncio.Event()

    # Its beginning and its end.

    async def begin(self, clients: Sequence[Client], secret_key: bytes) -> None:
        """Start the node with the first of these clients, and host the others."""
        from perdure.server.embedded import start_on

        first = self._host(clients[0])
        self._node = await start_on(
            self._storage,
            first,
            public_url=None,
            settings=Settings(database_url="sqlite://", retention=None),
            clock=self._clock,
            secret_key=lambda: secret_key,
            connect=lambda platform, _clock, _bytes: self._connect(first, platform),
            is_known_to_be_local=True,
        )
        for client in clients[1:]:
            await self.add(client)

    async def add(self, client: Client) -> None:
        """Execute the jobs of another client, too.

        Raises:
            DuplicateJobError: It declares a job that another one has.
        """
        host = self._host(client)
        self._connect(host, self.node.platform)
        await self.node.add(host)

    def _host(self, client: Client) -> EnvHost:
        host = EnvHost(client, self, force_replay=self._force_replay, fakes=self._fakes)
        self._hosts.append(host)
        return host

    def _connect(self, host: EnvHost, platform: Platform) -> None:
        host.connect(Lifeline(platform, self).platform, self._clock, os.urandom)
        host.random_bytes = self._draw

    def crash(self) -> None:
        """End it as the process's death would; what its code still does reaches nothing."""
        self.is_over = True
        for host in self._hosts:
            host.interrupt()
        self.over.set()
        self._on_crash()

    async def bury(self) -> None:
        """After `crash`: let the ``finally`` blocks of its code run, then let go of everything."""
        if self._executions:
            await asyncio.wait(self._executions, timeout=_UNWINDING)
        for host in self._hosts:
            await host.stop()
        await self.node.abandon()

    async def end(self) -> None:
        """Stop at the end of a test: what is still at work is given no time."""
        if self._node is not None:
            await self._node.stop(grace=0)
        for host in self._hosts:
            await host.stop()

    # What goes on in it.

    @property
    def node(self) -> EmbeddedNode:
        """The node."""
        assert self._node is not None
        return self._node

    @property
    def services(self) -> list[asyncio.Task[None]]:
        """The loops of the node."""
        return self.node.engine.services

    async def list_runs(self) -> list[RunState]:
        """List all runs in the order of their creation."""
        return await self._storage.scan(runs.list_states, self.node.engine.own.number)

    def at_work(self) -> set[asyncio.Task[Any]]:
        """What is at work: executions, what the node's services have begun, code that unwinds."""
        tasks = {*self._executions, *self.node.engine.at_work()}
        for host in self._hosts:
            tasks |= host.background()
        return tasks

    def describe_work(self) -> list[str]:
        """Name what is at work."""
        executions = [line for host in self._hosts for line in host.describe_work()]
        others = {str(getattr(task.get_coro(), "__qualname__", "a task")) for task in self.at_work() - self._executions}
        return [*executions, *(f"{name} is at work" for name in sorted(others))]

    async def next_due(self) -> datetime | None:
        """When the next thing is due; in the past, if nobody has acted on it yet."""
        return await self._storage.read(find_next_due)

    # What its hosts tell it.

    def check(self) -> None:
        """Interrupt the code at hand if this life is over.

        Raises:
            Interrupt: It is.
        """
        if self.is_over:
            raise Interrupt

    def reach(self, moment: str, run_id: str) -> None:
        """Note that a moment of a run has come, and crash if that was to happen."""
        if not self.is_over and self.script.reach(moment, *self.names.run(run_id)):
            self.crash()

    async def execute(
        self, request: ExecutionRequest, go: Callable[[ExecutionRequest], Coroutine[Any, Any, ExecutionResult]]
    ) -> ExecutionResult:
        """Let a host execute a run; a suspension is a moment before it is stored, and after."""
        task = asyncio.current_task()
        assert task is not None
        self._executions.add(task)
        self.names.note_run(request)
        try:
            result = await go(request)
            if isinstance(result, Suspended | Yielded):
                moment = self._describe_end(result)
                self.reach(f"as it {moment}", request.run.id)
                task.add_done_callback(lambda _: self.reach(f"after it {moment}", request.run.id))
            if self.is_over:
                # The engine of this life hears nothing any more.
                raise asyncio.CancelledError
            return result
        finally:
            self._executions.discard(task)

    def _describe_end(self, result: Suspended | Yielded) -> str:
        if isinstance(result, Yielded):
            return f"yielded at {result.key!r}"
        return f"was suspended for {', '.join(sorted(repr(self.names.path(one)) for one in result.task_ids))}"

    def _draw(self, count: int) -> bytes:
        """Draw bytes that are the same whenever the same run of a test draws them in the same place."""
        scope = current_scope.get(None)
        if scope is None:
            return os.urandom(count)
        keys: list[str] = []
        task = scope.task
        while task is not None:
            keys.append(task.name if task.display_key is None else task.display_key)
            task = task.parent
        return random.Random(repr((self.names.run(scope.execution.run_id), keys))).randbytes(count)
