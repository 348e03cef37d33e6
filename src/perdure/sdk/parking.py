"""Branches that wait for stored tasks, and when that is all a run does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.protocol.statuses import TaskStatus
from perdure.sdk.branches import Activity, Branch, Branches
from perdure.sdk.interrupts import Interrupt

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import Context
    from datetime import datetime

    from perdure.protocol.execution import TaskState
    from perdure.sdk.ask import Ask

QUIET_SECONDS = 0.05
"""How long no ``io`` call may have been made before a branch that awaits something else is cut."""

PROMPT_SECONDS = 0.01
"""How long a run is not suspended after it has asked for work that the platform begins at once.

Near services answer before that, and to store a suspension that is over already costs a commit, which the answer's own
commit would have to wait for.
"""


class Park:
    """A branch that waits for a stored task; ``due`` is when the wait ends by itself, if that is known."""

    __slots__ = ("due", "future")

    def __init__(self, future: asyncio.Future[TaskState], due: datetime | None) -> None:
        self.future = future
        self.due = due


class Parking:
    """The parked branches of one execution.

    Args:
        branches: All branches of the execution.
        on_suspended: Called when no branch can go on by itself, with the ids of the tasks waited for and whether a
            branch that awaits something else must be cut.
        loop: The event loop.
        context: What the loop calls back gets this one.
    """

    __slots__ = (
        "_branches",
        "_context",
        "_early",
        "_is_considering",
        "_is_over",
        "_last_call",
        "_loop",
        "_on_suspended",
        "_prompt_until",
        "_quiet",
        "_shares",
        "parks",
    )

    def __init__(
        self,
        branches: Branches,
        on_suspended: Callable[[tuple[str, ...], bool], None],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> None:
        self.parks: dict[str, Park] = {}
        self._shares: set[asyncio.Future[None]] | None = None
        # By the ids of the tasks that are expected; ``None`` until their wait is over.
        self._early: dict[str, TaskState | None] | None = None
        self._branches = branches
        self._on_suspended = on_suspended
        self._loop = loop
        self._context = context
        self._last_call = 0.0
        self._prompt_until = 0.0
        self._is_considering = False
        self._is_over = False
        self._quiet: asyncio.TimerHandle | None = None

    def release(self) -> None:
        """Let go of the execution, which has ended."""
        self._on_suspended = _ignore

    @property
    def is_suspended(self) -> bool:
        """Whether nothing can go on until a wait is over."""
        return self._is_over

    def earliest_due(self) -> datetime | None:
        """When the first wait ends by itself; ``None`` if no wait's end is known."""
        return min((park.due for park in self.parks.values() if park.due is not None), default=None)

    def expect(self, task_id: str) -> None:
        """Keep the end of a task's wait, should it come before a branch is parked for it."""
        if self._early is None:
            self._early = {}
        self._early[task_id] = None

    def expect_promptly(self) -> None:
        """Leave the run unsuspended for a moment: what it waits for may be over at once."""
        self._prompt_until = self._loop.time() + PROMPT_SECONDS

    async def park(self, branch: Branch, task_id: str, due: datetime | None) -> TaskState:
        """Wait until the stored task is no longer waiting; the state it is in then.

        Raises:
            Interrupt: The execution ends before that.
        """
        if self._early is not None:
            early = self._early.pop(task_id, None)
            if early is not None:
                return early
        future: asyncio.Future[TaskState] = self._loop.create_future()
        self.parks[task_id] = Park(future, due)
        self._branches.park(branch)
        self.note_call()
        try:
            self.consider()
            return await future
        finally:
            self.parks.pop(task_id, None)
            self._branches.unpark(branch)

    async def share(self, branch: Branch, ask: Ask) -> bool:
        """Wait for another branch of this execution that works on the same task; whether it has settled.

        The other one may be a thread, which settles or forgets the task while this one is on its way here.

        Raises:
            Interrupt: The execution ends before that.
        """
        if ask.is_settled or ask.is_forgotten:
            return ask.is_settled
        future: asyncio.Future[None] = self._loop.create_future()
        if ask.shared is None:
            ask.shared = []
        ask.shared.append(lambda: None if future.done() else future.set_result(None))
        self._branches.park(branch)
        self.note_call()
        if self._shares is None:
            self._shares = set()
        self._shares.add(future)
        try:
            self.consider()
            await future
        finally:
            self._shares.discard(future)
            self._branches.unpark(branch)
        return ask.is_settled

    def resolve(self, tasks: list[TaskState]) -> list[TaskState]:
        """Let the branches go on whose waits are over; the states that were waited for."""
        resolved: list[TaskState] = []
        for state in tasks:
            park = self.parks.get(state.id)
            early = self._early
            if park is None and early is not None and state.id in early and state.status is not TaskStatus.WAITING:
                early[state.id] = state
            if park is not None and state.status is not TaskStatus.WAITING and not park.future.done():
                park.future.set_result(state)
                resolved.append(state)
        if resolved:
            self._is_over = False
        return resolved

    def interrupt(self) -> None:
        """Raise an interrupt in every parked branch."""
        self._is_over = True
        if self._quiet is not None:
            self._quiet.cancel()
        waiting: list[asyncio.Future[Any]] = [*(park.future for park in self.parks.values()), *(self._shares or ())]
        for future in waiting:
            if not future.done():
                future.set_exception(Interrupt())

    def note_call(self) -> None:
        """Note that an ``io`` call begins or ends: the run is not quiet."""
        self._last_call = self._loop.time()

    def consider_soon(self) -> None:
        """Look at all branches once the one at hand has gone as far as it can."""
        if not self._is_considering:
            self._is_considering = True
            self._loop.call_soon(self._consider_now, context=self._context)

    def consider(self) -> None:
        """Suspend if no branch can go on by itself; look again shortly if one might be unable to."""
        if self._is_over or not self.parks:
            return
        if not self._branches.active:
            self._rest()
            return
        match self._branches.activity():
            case Activity.JOINING:
                self._rest()
            case Activity.FOREIGN if self._loop.time() - self._last_call >= QUIET_SECONDS:
                self._suspend(True)
            case _:
                self._consider_after(QUIET_SECONDS)

    def _consider_now(self) -> None:
        self._is_considering = False
        self.consider()

    def _consider_after(self, seconds: float) -> None:
        if self._quiet is None:
            self._quiet = self._loop.call_later(seconds, self._after_quiet, context=self._context)

    def _after_quiet(self) -> None:
        self._quiet = None
        self.consider()

    def _rest(self) -> None:
        """Suspend, unless a wait may be over at once."""
        if self._prompt_until:
            left = self._prompt_until - self._loop.time()
            if left > 0:
                self._consider_after(left)
                return
        self._suspend(False)

    def _suspend(self, cut: bool) -> None:
        # A wait that is over already has its branch in the loop's queue.
        for park in self.parks.values():
            if park.future.done():
                return
        self._is_over = True
        self._on_suspended(tuple(self.parks), cut)


def _ignore(_task_ids: tuple[str, ...], _cut: bool) -> None:
    """What becomes of a suspension after the end."""
