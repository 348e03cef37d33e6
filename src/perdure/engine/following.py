"""Following runs: what has changed of them, as soon as it is stored.

Whoever follows is told by a hint, and then looks at what is stored; a hint that is lost costs a poll. Between two looks
there is a pause, so that a run that records thousands of tasks a second is looked at a few times in it. A reader who is
slow looks later: it misses what was in between, never what is.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager, suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.run_views import RunView, answer_of, read_waits, without_secrets
from perdure.errors import NotConnectedError, NotFoundError, StorageError
from perdure.storage import run_pages, runs
from perdure.storage.followed_tasks import Changes, Seen, read_changes
from perdure.storage.stretches import NEWEST

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence

    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.watches import RunsWatch, Watch
    from perdure.protocol.management import RunFilter
    from perdure.protocol.runs import RunAnswer
    from perdure.storage.interface import Session, Storage

PAUSE_SECONDS = 0.05
"""Between two looks of a follower. Hints and commits come in real time, so this is real time, too."""

POLL = timedelta(seconds=1)
"""How often a follower looks whom nobody tells anything."""

_STOPS = "The node stops; whoever follows its runs is told no more."
_BATCH = 20
_STRETCH = 5000
_MOST_KNOWN = 1000

_UNCOMMITTED = timedelta(minutes=1)
"""How much later than its time says a change may be seen: it waits for its commit."""


class Following:
    """Follows runs of this node's database."""

    def __init__(self, storage: Storage, clock: Clock, hints: Hints) -> None:
        self._storage = storage
        self._clock = clock
        self._hints = hints

    async def run(self, environment_no: int, run_id: str) -> AsyncIterator[RunAnswer]:
        """Follow a run until it has ended: first as it is, then at each change.

        Each answer has the tasks, nested ones too, the log lines and the statuses that are new or have changed since
        the answer before. The last one is final. Where there is more to tell than fits one answer, several follow each
        other at once.

        Args:
            environment_no: Where the run is.
            run_id: The run.

        Raises:
            NotFoundError: The environment has no such run, or no longer has it.
            NotConnectedError: The node stops.
        """
        watch = self._hints.watch_run(run_id)
        try:
            seen = Seen(0, {}, {})
            shown: RunAnswer | None = None
            while True:
                watch.changed.clear()
                with self._until_it_stops():
                    found = await self._storage.scan(look_at_run, environment_no, run_id, seen)
                if found is None:
                    raise NotFoundError(f"There is no run {run_id!r} in this environment.")
                head, changes = found
                seen = changes.seen
                if head != shown or changes.tasks or changes.statuses:
                    shown = head
                    yield _with(head, changes)
                if not changes.is_whole:
                    continue
                if head.status.is_final:
                    return
                await self._wait(watch)
        finally:
            watch.close()

    async def runs(self, environment_no: int, filter: RunFilter) -> AsyncIterator[RunAnswer]:
        """Follow the runs that change from now on: each as it is after a change, without its tasks.

        Args:
            environment_no: Where they are.
            filter: Which of them; a run that no longer has one of its statuses is not told.

        Raises:
            NotConnectedError: The node stops.
        """
        watch = self._hints.watch_runs()
        try:
            look = _Look(self._storage, self._clock, environment_no, filter)
            with self._until_it_stops():
                await look.begin()
                while True:
                    watch.changed.clear()
                    async with aclosing(look.at_changed(watch)) as changed:
                        async for run in changed:
                            yield run
                    await self._wait(watch)
        finally:
            watch.close()

    async def _wait(self, watch: Watch) -> None:
        stopping = self._hints.stopping
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                await stopping.wait()
        if not stopping.is_set():
            await self._clock.wait(watch.changed, self._clock.now() + POLL)
        if stopping.is_set():
            raise NotConnectedError(_STOPS)

    @contextmanager
    def _until_it_stops(self) -> Generator[None, None, None]:
        """Say that the node stops when its database cannot be asked any more."""
        try:
            yield
        except StorageError as error:
            if self._hints.stopping.is_set():
                raise NotConnectedError(_STOPS) from error
            raise


class _Look:
    """What a follower of all runs remembers from one look to the next."""

    def __init__(self, storage: Storage, clock: Clock, environment_no: int, filter: RunFilter) -> None:
        self._storage = storage
        self._clock = clock
        self._environment_no = environment_no
        self._filter = filter
        self._newest = 0
        self._polled_at = clock.monotonic()
        self._caught_up_at = clock.now()
        # How a run was when it was last looked at, and whether it had ended.
        self._known: dict[str, tuple[tuple[object, ...], bool]] = {}

    async def begin(self) -> None:
        """Note what is there already: runs that do not change are not told."""
        self._newest = await self._storage.read(run_pages.find_newest)

    async def at_changed(self, watch: RunsWatch) -> AsyncGenerator[RunAnswer]:
        """Give the runs that have changed since the last look."""
        began = self._clock.now()
        while told := watch.take(_BATCH):
            for run in await self._read(told):
                yield run
        if watch.has_missed:
            watch.has_missed = False
            async for run in self._search():
                yield run
        if self._clock.monotonic() - self._polled_at >= POLL.total_seconds():
            self._polled_at = self._clock.monotonic()
            async for run in self._poll():
                yield run
        self._caught_up_at = began

    async def _search(self) -> AsyncIterator[RunAnswer]:
        """Look for the runs that have changed, among all of them: more have than were kept."""
        since, first = self._caught_up_at - _UNCOMMITTED, NEWEST
        while first > 0:
            changed, first = await self._storage.scan(
                run_pages.list_changed_since, self._environment_no, since=since, first=first, limit=_STRETCH
            )
            async for run in self._read_all(changed):
                yield run

    async def _poll(self) -> AsyncIterator[RunAnswer]:
        """Look at the runs of which nobody may have told: those that are new, and those that were going on."""
        fresh, self._newest = await self._storage.scan(
            run_pages.list_created_after, self._environment_no, after=self._newest, limit=_STRETCH
        )
        going_on = [run_id for run_id, (_, has_ended) in self._known.items() if not has_ended]
        async for run in self._read_all([*dict.fromkeys([*fresh, *going_on])]):
            yield run

    async def _read_all(self, run_ids: Sequence[str]) -> AsyncIterator[RunAnswer]:
        for start in range(0, len(run_ids), _BATCH):
            for run in await self._read(run_ids[start : start + _BATCH]):
                yield run

    async def _read(self, run_ids: Sequence[str]) -> list[RunAnswer]:
        found = await self._storage.scan(look_at_runs, self._environment_no, run_ids)
        return [run for run in found if self._is_news(run)]

    def _is_news(self, run: RunAnswer) -> bool:
        before = self._known.pop(run.id, None)
        # At the end, as the one that was looked at last.
        now = self._known[run.id] = ((run.status, run.updated_at, run.executions, run.why), run.status.is_final)
        if len(self._known) > _MOST_KNOWN:
            for run_id in list(islice(self._known, _MOST_KNOWN // 10)):
                del self._known[run_id]
        wanted = self._filter
        return (
            now != before
            and (wanted.job_id is None or run.job_id == wanted.job_id)
            and (not wanted.statuses or run.status in wanted.statuses)
        )


async def look_at_run(tx: Session, environment_no: int, run_id: str, seen: Seen) -> tuple[RunAnswer, Changes] | None:
    """Read a run without its tasks, and what has changed of these and its statuses since somebody looked."""
    run = await runs.find_run(tx, environment_no, run_id=run_id)
    if run is None:
        return None
    changes = await read_changes(tx, run.run_no, seen)
    return answer_of(RunView(run, await read_waits(tx, run))), changes


async def look_at_runs(tx: Session, environment_no: int, run_ids: Sequence[str]) -> list[RunAnswer]:
    """Read runs without their tasks, in the order in which they have changed."""
    found = await run_pages.list_by_id(tx, environment_no, run_ids)
    return [answer_of(RunView(run, await read_waits(tx, run))) for run in found]


def _with(head: RunAnswer, changes: Changes) -> RunAnswer:
    return replace(
        head,
        tasks=tuple(without_secrets(task) for task in changes.tasks if task.operation != "log"),
        logs=tuple(task for task in changes.tasks if task.operation == "log"),
        statuses=tuple(changes.statuses),
    )
