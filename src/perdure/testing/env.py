"""`Env`: an embedded node for a test, with a clock that the test sets."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError, NotSettledError, PerdureError, UnmetExpectationError
from perdure.sdk.client import Client
from perdure.sdk.durations import instant
from perdure.sdk.job import Job
from perdure.testing.fakes import Fake, Fakes
from perdure.testing.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.records import EventRecord
    from perdure.testing.lives import Lives
    from perdure.testing.points import Script
    from perdure.testing.runs import EnvRun

PATIENCE = 10.0
_MOST_STEPS = 100_000
"""How many times `Env.advance` may stop on its way."""


class Env:
    """An embedded node for a test: its database is in memory, and time passes only by `advance`.

    ``async with Env(client) as env:`` is what the fixture ``perdure_env`` does for a test.

    Args:
        clients: The clients whose jobs it executes.
        force_replay: Whether every suspension replays: no suspended run is kept in memory.
        start: The time that its clock begins with; ``None``: now.

    Attributes:
        patience: For how many seconds of real time it waits for runs to come to rest.
        fakes: The fakes by key, each with its ``calls``.
    """

    def __init__(self, *clients: Client, force_replay: bool = False, start: datetime | None = None) -> None:
        self.patience = PATIENCE
        self.fakes = Fakes()
        self.force_replay = force_replay
        self._start = datetime.now(UTC) if start is None else instant(start, what="start")
        self._clients: list[Client] = []
        self._views = Views()
        self._lives: Lives | None = None
        self._restore: Callable[[], None] | None = None
        for client in clients:
            self.use(client)

    # Before anything happens.

    def use(self, client: Client) -> None:
        """Execute the jobs of another client, too.

        Raises:
            InvalidArgumentError: It is none, or has started a node of its own.
        """
        if not isinstance(client, Client):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(f"An environment uses clients, not {client!r:.60}.")
        if client in self._clients:
            return
        if self._lives is not None:
            self._lives.use([client])
        self._clients.append(client)

    def fake(self, key: CacheKey, answer: Any) -> Fake:
        """Answer a key, in every run, without running the task's body or asking anybody outside.

        Args:
            key: The cache key; for a task inside another ``"outer/inner"``.
            answer: A value, an exception to be raised, or a function (also an async one) that is given the call's
                params and returns a value or raises.

        Returns:
            The fake, which `fakes` has by its key, too.
        """
        return self.fakes.add(key, answer)

    # What a test does.

    @property
    def now(self) -> datetime:
        """What time it is for jobs and for the node."""
        return self.lives.clock.now()

    async def emit(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        context: Any = None,
        source: str | None = None,
        timestamp: datetime | None = None,
        deliver_at: datetime | None = None,
        deliver_after: float | timedelta | None = None,
        account_id: str | None = None,
    ) -> EventRecord:
        """Send an event, and return when every run has ended or waits. Arguments are those of `Client.send_event`.

        Raises:
            NotSettledError: The runs have not come to rest in time.
            InvalidArgumentError: A field is outside its limits.
        """
        __tracebackhide__ = True
        await self.lives.alive()
        event = await self._clients[0].send_event(
            name=name,
            payload=payload,
            id=id,
            context=context,
            source=source,
            timestamp=timestamp,
            deliver_at=deliver_at,
            deliver_after=deliver_after,
            account_id=account_id,
        )
        await self.settle()
        return event

    async def invoke(
        self,
        job: Job[Any, Any] | str,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> EnvRun:
        """Start a run of a job, and return it when every run has ended or waits.

        Arguments are those of `Client.invoke`.

        Raises:
            NotSettledError: The runs have not come to rest in time.
            NotFoundError: There is no such job.
        """
        __tracebackhide__ = True
        await self.lives.alive()
        handle = await self._clients[0].invoke(
            job,
            payload,
            idempotency_key=idempotency_key,
            context=context,
            account_id=account_id,
            callback_url=callback_url,
        )
        await self.settle()
        return await self.run(handle.id)

    async def advance(
        self,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        to: datetime | None = None,
    ) -> None:
        """Let time pass: whatever becomes due on the way happens at its time and in its order.

        Returns when every run has ended or waits.

        Args:
            days: How long, in days.
            hours: And hours.
            minutes: And minutes.
            seconds: And seconds.
            to: An instant to go to, in place of a duration.

        Raises:
            NotSettledError: The runs have not come to rest in time.
            InvalidArgumentError: The time is negative, or an instant that has passed.
        """
        __tracebackhide__ = True
        delay = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        until = self.now + delay if to is None else instant(to, what="to")
        if until < self.now or (to is not None and delay):
            raise InvalidArgumentError("Time goes on: advance() takes a duration that is not negative, or to= alone.")
        await self._rest()
        for _ in range(_MOST_STEPS):
            due = await (await self.lives.alive()).next_due()
            if due is None or due > until:
                break
            self.lives.clock.set(due)
            await self._rest()
        else:
            raise NotSettledError(
                f"More than {_MOST_STEPS:,} things were due one after the other, the last at {self.now.isoformat()}; "
                "let less time pass at once, or begin later (start=, or the fixture perdure_start)."
            )
        self.lives.clock.set(until)
        await self.settle()

    async def settle(self) -> None:
        """Return when every run has ended or waits, after something was done without this environment's calls.

        Raises:
            NotSettledError: The runs have not come to rest in time.
        """
        __tracebackhide__ = True
        await self._rest()
        if self._views:
            await self._views.update(self.lives)

    async def runs(self, job: Job[Any, Any] | str | None = None) -> list[EnvRun]:
        """Give all runs, or those of a job, in the order in which they were created."""
        wanted = job.id if isinstance(job, Job) else job
        listed = await (await self.lives.alive()).list_runs()
        return [await self.run(one.id) for one in listed if wanted is None or one.job_id == wanted]

    async def only_run(self, job: Job[Any, Any] | str | None = None) -> EnvRun:
        """Give the only run, or the only one of a job.

        Raises:
            UnmetExpectationError: There is none, or more than one; the message lists those that there are.
        """
        __tracebackhide__ = True
        found = await self.runs(job)
        if len(found) == 1:
            return found[0]
        wanted = "" if job is None else f" of job {job.id if isinstance(job, Job) else job!r}"
        there = found if found else await self.runs()
        listed = ", ".join(f"{run.id} of {run.job_id!r} ({run.status})" for run in there) or "none at all"
        what = f"are {len(found)} runs" if found else "is no run"
        raise UnmetExpectationError(f"There {what}{wanted}, where one was expected. The runs there are: {listed}.")

    async def run(self, run_id: str) -> EnvRun:
        """Give the run with an id, such as that of a `RunHandle`.

        Raises:
            NotFoundError: There is no such run.
        """
        return await self._views.give(self.lives, run_id)

    # Its life.

    async def __aenter__(self) -> Env:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, script: Script | None = None) -> None:
        """Begin to work, on an empty database; what is used and faked from now on counts until `close`.

        Args:
            script: What is to happen at crash points.
        """
        from perdure.testing.clock import VirtualClock
        from perdure.testing.lives import Lives
        from perdure.testing.points import Script

        lives = Lives(
            VirtualClock(self._start),
            self.fakes,
            force_replay=self.force_replay,
            script=Script() if script is None else script,
            patience=lambda: self.patience,
        )
        count, restore_fakes = len(self._clients), self.fakes.keep()
        self._lives = lives

        def restore() -> None:
            del self._clients[count:]
            restore_fakes()
            self._views.clear()

        self._restore = restore
        try:
            lives.use(self._clients)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop the node; its database is gone then."""
        lives, self._lives = self._lives, None
        if lives is not None:
            await lives.close()
        missed = self.fakes.unasked()
        if self._restore is not None:
            self._restore()
        if missed is not None:
            warnings.warn(missed, stacklevel=2)

    @property
    def lives(self) -> Lives:
        """The node at work, whatever crashes.

        Raises:
            PerdureError: There is none now.
        """
        if self._lives is None:
            raise PerdureError("This environment is not at work: use it in its test, or in async with Env(…).")
        return self._lives

    async def _rest(self) -> None:
        __tracebackhide__ = True
        from perdure.testing.settling import Settling

        await Settling(self.lives, patience=self.patience).run()
