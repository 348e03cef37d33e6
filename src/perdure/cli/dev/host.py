"""The host whose runs are written down in the journal."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import PerdureError
from perdure.protocol.execution import Failed, InvalidPayload, Succeeded
from perdure.sdk.host import Host
from perdure.sdk.start import is_replay_forced

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.cli.dev.journal import Journal
    from perdure.protocol.execution import ExecutionRequest, ExecutionResult, TaskRecord
    from perdure.protocol.platform import Platform
    from perdure.protocol.state import StateCall, StateOutcome
    from perdure.sdk.client import Client
    from perdure.sdk.host import Clock


class WatchedHost(Host):
    """Executes a client's jobs, and tells a journal what they do.

    Args:
        client: The client.
        journal: Is told.
        max_threads: How many threads plain jobs have at most.
    """

    def __init__(self, client: Client, journal: Journal, *, max_threads: int) -> None:
        super().__init__(
            client,
            force_replay=is_replay_forced(),
            max_threads=max_threads,
        )
        self._journal = journal
        self._epochs: dict[str, int] = {}
        self._ended: set[str] = set()
        self._telling: set[asyncio.Task[None]] = set()

    def connect(self, platform: Platform, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        """Give the host its platform, whose records are written down, and sources of time and chance."""
        self._unwatched = platform
        super().connect(WatchedPlatform(platform, self._journal).platform, clock, random_bytes)

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Run the job's function until it ends or every branch waits."""
        self._epochs[request.run.id] = request.epoch
        self._journal.begins(request)
        task = asyncio.current_task()
        assert task is not None
        results: list[ExecutionResult] = []
        # When the engine's task is done, the result has been applied.
        task.add_done_callback(lambda _: self._has_settled(request, results))
        results.append(await super().execute(request))
        return results[0]

    def run_has_ended(self, run_id: str) -> None:
        """Write down that a run has ended; it may not have been executed here."""
        if run_id in self._epochs:
            self._ended.add(run_id)
        else:
            self._tell_later(run_id)

    def _has_settled(self, request: ExecutionRequest, results: list[ExecutionResult]) -> None:
        run_id = request.run.id
        if self._epochs.get(run_id) != request.epoch:
            # It goes on already; what it waited for was over at once.
            return
        del self._epochs[run_id]
        has_ended = run_id in self._ended
        self._ended.discard(run_id)
        result = results[0] if results else None
        if has_ended and isinstance(result, Succeeded | Failed | InvalidPayload):
            self._journal.ends(request, result)
        elif has_ended:
            self._tell_later(run_id)
        elif result is not None:
            self._journal.pauses(request, result)

    def _tell_later(self, run_id: str) -> None:
        task = self._loop.create_task(self._tell(run_id))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, run_id: str) -> None:
        # It may have been deleted meanwhile, or the database closed.
        with contextlib.suppress(PerdureError):
            self._journal.ended(await self._unwatched.get_run(run_id, take=1))


class WatchedPlatform:
    """A platform that tells a journal what is stored through it."""

    def __init__(self, platform: Platform, journal: Journal) -> None:
        self._platform = platform
        self._journal = journal

    @property
    def platform(self) -> Platform:
        """The same, as what it stands for."""
        return cast("Platform", self)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Hand every other call on."""
        call: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._platform, name)
        return call

    async def record_task(self, run_id: str, epoch: int, record: TaskRecord) -> None:
        """Store a task's state."""
        await self._platform.record_task(run_id, epoch, record)
        self._journal.records(run_id, record)

    async def perform_task(self, run_id: str, epoch: int, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Do a task's work on state, and store what came of it."""
        outcome = await self._platform.perform_task(run_id, epoch, record, call)
        for one in record.ancestors:
            self._journal.records(run_id, one)
        return outcome
