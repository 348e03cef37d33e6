"""The branches of a run: its asyncio tasks, and whether any of them can still get on by itself.

A run is over for now when every branch is *parked* (waits for a stored task) or *joins* others (waits for branches
of the same run: `await task`, `gather`, `TaskGroup`, `asyncio.wait`, `asyncio.wait_for`). A branch in an ``io`` call
or a task body is *working*; one that awaits anything else is *foreign*: nothing tells when it will go on, so it is
given a short time and then cut.

Which branches there are is known from the event loop's `task_factory`: a task started by a run's code inherits the
run's context.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.sdk.lane import Lane

AnyTask = asyncio.Task[Any]


class Activity(Enum):
    """What a branch that is not parked does."""

    WORKING = 1
    JOINING = 2
    FOREIGN = 3


class Branch:
    """One asyncio task of a run.

    Attributes:
        calls: Counts the ``io`` calls it is inside of, one within the other.
        has_left: Whether it has ended.
        lane: The thread that does its work, if it only awaits that.
        timeouts: The time-outs of the attempts whose bodies it runs.
        around: The time-outs of the attempts in whose bodies it was started.
    """

    __slots__ = ("around", "calls", "has_left", "lane", "task", "timeouts")

    def __init__(self, task: AnyTask, around: tuple[Pausable, ...]) -> None:
        self.task = task
        self.calls = 0
        self.lane: Lane | None = None
        self.has_left = False
        self.timeouts: tuple[Pausable, ...] = ()
        self.around = around
        for timeout in around:
            timeout.branch_began()

    def pause(self) -> None:
        """Stop the clocks of the attempts this branch is in; pauses nest."""
        for timeout in self.timeouts:
            timeout.pause()
        for timeout in self.around:
            timeout.branch_paused()

    def go_on(self) -> None:
        """Let the clocks run again."""
        for timeout in self.timeouts:
            timeout.go_on()
        for timeout in self.around:
            timeout.branch_went_on()

    def leave(self) -> None:
        """Take leave of the attempts around this branch, and of its task.

        The frames of an interrupted branch know the branch; were it to know the task, whose error knows the frames,
        only the garbage collector could free them.
        """
        for timeout in self.around:
            timeout.branch_ended()
        self.has_left = True
        del self.task


class Pausable(Protocol):
    """The time-out of an attempt, which does not run while the attempt is parked."""

    def pause(self) -> None: ...

    def go_on(self) -> None: ...

    def branch_began(self) -> None: ...

    def branch_ended(self) -> None: ...

    def branch_paused(self) -> None: ...

    def branch_went_on(self) -> None: ...


class Branches:
    """The unfinished branches of one execution; ``active`` are those that are not parked."""

    __slots__ = ("active", "all")

    def __init__(self) -> None:
        self.all: dict[AnyTask, Branch] = {}
        self.active: dict[AnyTask, Branch] = {}

    def adopt(self, task: AnyTask, around: tuple[Pausable, ...]) -> Branch:
        """Count a task in."""
        branch = self.all[task] = self.active[task] = Branch(task, around)
        return branch

    def leave(self, task: AnyTask) -> None:
        """Count a finished task out."""
        branch = self.all.pop(task, None)
        self.active.pop(task, None)
        if branch is not None:
            branch.leave()

    def park(self, branch: Branch) -> None:
        """Note that the branch waits for a stored task."""
        self.active.pop(branch.task, None)
        branch.pause()

    def unpark(self, branch: Branch) -> None:
        """Note that the branch goes on."""
        # Its thread may have been left to itself, and learns of that only now.
        if not branch.has_left:
            self.active[branch.task] = branch
        branch.go_on()

    def activity(self) -> Activity:
        """Tell what is going on: WORKING if any branch works, else FOREIGN if any is, else JOINING."""
        result = Activity.JOINING
        for branch in self.active.values():
            what = self._activity_of(branch)
            if what is Activity.WORKING:
                return what
            if what is Activity.FOREIGN:
                result = what
        return result

    def is_joining(self, branch: Branch) -> bool:
        """Whether the branch only waits for others of its run."""
        return self._activity_of(branch) is Activity.JOINING

    def _activity_of(self, branch: Branch) -> Activity:
        if branch.lane is not None:
            return Activity.JOINING if branch.lane.joined in self.all else Activity.WORKING
        awaited: Any = getattr(branch.task, "_fut_waiter", None)
        # A branch that has just ended, or whose awaited future is done, has something in the loop's queue.
        if awaited is None or awaited.done():
            return Activity.WORKING
        if self._is_ours(awaited) or self._joins_in_frame(branch.task):
            return Activity.JOINING
        return Activity.WORKING if branch.calls else Activity.FOREIGN

    def _is_ours(self, awaited: object) -> bool:
        """Whether a future ends with branches of this run: one of them, or a gather over some."""
        if isinstance(awaited, asyncio.Task):
            return awaited in self.all
        children: Any = getattr(awaited, "_children", None)
        if isinstance(children, list):
            return self._are_ours(cast("list[asyncio.Future[Any]]", children))
        return False

    def _are_ours(self, awaited: Iterable[asyncio.Future[Any]]) -> bool:
        return all(one.done() or self._is_ours(one) for one in awaited)

    def _joins_in_frame(self, task: AnyTask) -> bool:
        """Whether the branch stands in one of asyncio's own functions that wait for other tasks."""
        coroutine: object = task.get_coro()
        while True:
            inner: object = getattr(coroutine, "cr_await", None)
            if not hasattr(inner, "cr_await"):
                break
            coroutine = inner
        frame = getattr(coroutine, "cr_frame", None)
        if frame is None:
            return False
        names = _JOINING_CODE.get(frame.f_code)
        if names is None:
            return False
        for name in names:
            held: Any = frame.f_locals.get(name)
            awaited: Iterable[asyncio.Future[Any]] = (held,) if asyncio.isfuture(held) else held or ()
            if not self._are_ours(awaited):
                return False
        return True


def _joining_code() -> dict[object, tuple[str, ...]]:
    """The code objects of asyncio's joining functions, and the variables that hold what they wait for."""
    known: dict[object, tuple[str, ...]] = {asyncio.TaskGroup.__aexit__.__code__: ()}
    inner_exit = getattr(asyncio.TaskGroup, "_aexit", None)
    if inner_exit is not None:
        known[inner_exit.__code__] = ()
    wait = getattr(asyncio.tasks, "_wait", None)
    if wait is not None:
        known[wait.__code__] = ("fs",)
    # From Python 3.12 on wait_for awaits in the caller's own task, so that nothing need be known of it.
    if "fut" in asyncio.wait_for.__code__.co_varnames:
        known[asyncio.wait_for.__code__] = ("fut",)
    return known


_JOINING_CODE = _joining_code()
