"""Suspended runs that workers have in memory, as far as is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.messages.execution import KnownTask

KEPT_SECONDS: Final = 55.0
"""For how long a worker is asked to go on with a suspended run; it keeps the run for a little longer."""

MOST_KEPT: Final = 10_000
"""How many suspended runs of an app are remembered; any other replays."""


class Keepers(Protocol):
    """The workers that keep runs of an app; `perdure.engine.carrier.Carrier` is one."""

    def is_there(self, worker_id: str) -> bool:
        """Whether a worker is connected, and takes runs."""
        ...

    def abort(self, run_id: str) -> None:
        """Have whoever may have a run stop it, or forget it."""
        ...

    def resolve(self, run_id: str, epoch: int, tasks: list[KnownTask]) -> bool:
        """Tell the worker that executes a run of waits that are over; whether there is one."""
        ...


class KeptRun(Struct, frozen=True, gc=False):
    """A suspended run.

    Attributes:
        epoch: The execution that was suspended; only the one that follows it can go on with its code.
        task_ids: The tasks that are waited for.
        worker_id: Who has it.
        until: Until when it is asked for, on the monotonic clock.
    """

    epoch: int
    task_ids: tuple[str, ...]
    worker_id: str
    until: float


class KeptRuns:
    """Remembers which worker has which suspended run.

    Args:
        keepers: The workers.
        monotonic: Gives the time in seconds.
    """

    def __init__(self, keepers: Keepers, monotonic: Callable[[], float]) -> None:
        self._keepers = keepers
        self._monotonic = monotonic
        self._runs: dict[str, KeptRun] = {}

    def keep(self, run_id: str, *, epoch: int, task_ids: tuple[str, ...], worker_id: str) -> None:
        """Remember a run, unless a later execution of it is known."""
        earlier = self._runs.pop(run_id, None)
        kept = KeptRun(epoch, task_ids, worker_id, self._monotonic() + KEPT_SECONDS)
        # The answer of an execution that has lost the run may come late.
        self._runs[run_id] = kept if earlier is None or earlier.epoch < epoch else earlier
        if len(self._runs) > MOST_KEPT:
            del self._runs[next(iter(self._runs))]

    def find(self, run_id: str) -> KeptRun | None:
        """Look a run up that a worker still has."""
        kept = self._runs.get(run_id)
        if kept is None or (self._monotonic() < kept.until and self._keepers.is_there(kept.worker_id)):
            return kept
        del self._runs[run_id]
        return None

    def drop(self, run_id: str) -> KeptRun | None:
        """Forget a run; what was known of it."""
        return self._runs.pop(run_id, None)

    def abort(self, run_id: str) -> None:
        """Have workers stop or forget a run."""
        self._keepers.abort(run_id)

    def resolve(self, run_id: str, epoch: int, tasks: list[KnownTask]) -> bool:
        """Tell the worker that executes a run of waits that are over; whether there is one."""
        return self._keepers.resolve(run_id, epoch, tasks)
