"""A thread that does a branch's plain code, and its way to the event loop and back.

The branch is an asyncio task, which awaits the thread; so everything that is known of branches (parking, joining,
interrupts, time-outs) holds for code in threads as well. What a thread asks for is decided in the thread, by the same
coroutines that the event loop would run; only what must be on the loop, such as storing and waiting, *crosses*: the
thread posts it and blocks until it is done.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.sdk.interrupts import Interrupt
from perdure.sdk.scope import current_scope
from perdure.sdk.threads import Seat, ThreadPool, here, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from perdure.sdk.branches import AnyTask, Branch
    from perdure.sdk.crossing import Bell
    from perdure.sdk.execution import Execution
    from perdure.sdk.threads import Work

T = TypeVar("T")

Answer = tuple[Any, BaseException | None]


class NoThreadError(Exception):
    """No thread has become free in time."""


class _Current(threading.local):
    """The lane that the thread at hand is, or ``None``."""

    lane: Lane | None = None


_current = _Current()


def current_lane() -> Lane | None:
    """The lane that this thread is; ``None`` on the event loop and in threads that no run was given."""
    return _current.lane


async def run_in_thread(
    execution: Execution,
    pool: ThreadPool,
    code: Callable[[], T],
    *,
    patience: float | None = None,
    may_borrow: bool = True,
) -> T:
    """Run plain code on behalf of the branch at hand, in a thread; a copy of the context goes with it.

    Args:
        execution: Whose code it is.
        pool: Where a thread is taken from.
        code: What to run.
        patience: How many seconds to wait for a thread; ``None``: as long as it takes.
        may_borrow: Whether another thread of the run may do it, one that waits for this branch perhaps.

    Raises:
        NoThreadError: No thread has become free in time.
    """
    lane = Lane(execution, execution.branch_at_hand(), pool)
    return await lane.run(code, patience=patience, may_borrow=may_borrow)


class Lane:
    """A thread at work for a branch.

    Attributes:
        execution: Whose code it does.
        branch: The branch that awaits it.
        joined: The branch on the loop that the thread waits for; it is free for other work of its run meanwhile.
        is_over: Whether nobody waits for it any more: nothing it does counts.
    """

    __slots__ = ("_answer", "_bell", "_code", "_crossing", "_has_made_way", "_hop", "_is_in_line", "_is_lent",
                 "_is_seated", "_loan", "_outcome", "_pool", "branch", "execution", "is_over", "joined")  # fmt: skip

    def __init__(self, execution: Execution, branch: Branch, pool: ThreadPool) -> None:
        self.execution = execution
        self.branch = branch
        self.joined: AnyTask | None = None
        self.is_over = False
        self._pool = pool
        self._crossing = execution.host.crossing
        self._outcome: asyncio.Future[Any] = self._crossing.loop.create_future()
        self._code: tuple[Callable[[], Any], Context] | None = None
        self._bell: Bell | None = None
        self._hop: AnyTask | None = None
        self._answer: Answer | None = None
        self._loan: Work | None = None
        self._has_made_way = False
        self._is_in_line = False
        self._is_seated = False
        self._is_lent = False

    # On the loop: its life.

    async def run(self, code: Callable[[], T], *, patience: float | None = None, may_borrow: bool = True) -> T:
        """Find a thread and have it run the code; see `run_in_thread`."""
        self._code = (code, copy_context())
        execution, branch = self.execution, self.branch
        limit: asyncio.TimerHandle | None = None
        if not self._pool.seat(self) and not (may_borrow and execution.lend_thread(self)):
            self._stand_in_line(may_borrow)
            if patience is not None:
                limit = self._crossing.loop.call_later(patience, self._lose_patience)
        try:
            result: T = await self._outcome
            return result
        except asyncio.CancelledError:
            self.give_up()
            raise
        finally:
            if limit is not None:
                limit.cancel()
            if branch.lane is self:
                branch.lane = None
                branch.calls -= 1
                execution.lanes.remove(self)

    @property
    def wants_seat(self) -> bool:
        """Whether it still waits for a thread."""
        return not (self._is_seated or self.is_over)

    def sit(self, seat: Seat) -> None:
        """Begin, in this thread."""
        self._is_seated = True
        self._leave_line()
        self.branch.lane = self
        self.branch.calls += 1
        self.execution.lanes.append(self)
        seat.start(self._work)

    def dismiss(self) -> None:
        """Wait for a thread no more: there is nothing left to do."""
        if self.wants_seat:
            self.is_over = True
            self._leave_line()
            if not self._outcome.done():
                self._outcome.set_result(None)

    def give_up(self) -> None:
        """Let the thread go on by itself; whatever it still asks for is refused."""
        self.is_over = True
        self._leave_line()
        if self._hop is not None:
            self._hop.cancel()
        if self.joined is not None:
            self.joined.cancel()

    def _stand_in_line(self, may_borrow: bool) -> None:
        self._is_in_line = True
        self._pool.stand_in_line(self)
        if may_borrow:
            self.execution.unseated.append(self)

    def _leave_line(self) -> None:
        if self._is_in_line:
            self._is_in_line = False
            self._pool.leave_line(self)
            if self in self.execution.unseated:
                self.execution.unseated.remove(self)

    def _lose_patience(self) -> None:
        if self.wants_seat and not self._outcome.done():
            self.is_over = True
            self._leave_line()
            self._outcome.set_exception(NoThreadError())

    @property
    def is_crossing(self) -> bool:
        """Whether the thread waits for the loop, and meets an interrupt when it gets its answer."""
        return self._hop is not None

    # On the loop: lending the thread, while it has nothing to do, to other code of its run.

    @property
    def is_free(self) -> bool:
        """Whether the thread only waits for a branch on the loop."""
        return self.joined is not None and not self._is_lent

    def start(self, work: Work) -> None:
        """Do other work of the run in this thread."""
        assert self._bell is not None
        self._is_lent = True
        self._loan = work
        self._crossing.wake(self._bell)

    def _end_loan(self, end: Callable[[], None]) -> None:
        end()
        self._is_lent = False
        if self.joined is not None:
            self.execution.offer_thread(self)

    # In the thread.

    def _work(self, bell: Bell) -> Callable[[], None]:
        assert self._code is not None
        (code, context), self._code = self._code, None
        self._bell = bell
        outer, _current.lane = _current.lane, self
        try:
            return partial(self._end, context.run(code), None)
        except BaseException as error:
            return partial(self._end, None, storable(error))
        finally:
            _current.lane = outer

    def begin(self) -> Branch:
        """Begin a call of the task library.

        Raises:
            Interrupt: The execution is over, or nobody waits for this thread.
        """
        execution = self.execution
        if execution.interrupted:
            if not execution.unwinding.count_call():
                self._stop_for_ever()
            raise Interrupt
        if self.is_over:
            raise Interrupt
        if execution.parking.parks:
            execution.parking.note_call()
        return self.branch

    def drive(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call of the task library that was made for this thread."""
        try:
            call.send(None)
        except StopIteration as done:
            value: T = done.value
            return value
        call.close()
        raise RuntimeError("A call of the task library awaited something outside the event loop.")

    def cross(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have something done on the event loop, and wait for it.

        Raises:
            Interrupt: The execution has ended meanwhile.
        """
        self._post(self._begin_hop, work)
        result: T = self._wait()
        return result

    def join(self, code: Coroutine[Any, Any, T]) -> T:
        """Have a coroutine run as a branch on the event loop, with a copy of this thread's context; wait for it.

        Raises:
            Interrupt: The execution has ended meanwhile.
        """
        self._post(self._begin_branch, code, copy_context())
        result: T = self._wait()
        return result

    def make_way(self) -> None:
        """Let other threads go on: the code that this one comes to may take long."""
        if not self._has_made_way:
            self._has_made_way = True
            self._crossing.make_way()

    def _post(self, call: Callable[..., object], *args: Any) -> None:
        has_made_way, self._has_made_way = self._has_made_way, False
        try:
            self._crossing.post(call, *args, makes_way=not has_made_way)
        except RuntimeError:
            # The loop is closed: there is nobody left who could answer.
            self.is_over = True
            raise Interrupt from None

    def _wait(self) -> Any:
        bell = self._bell
        assert bell is not None
        while True:
            if self._loan is not None:
                work, self._loan = self._loan, None
                self._post(self._end_loan, work(bell))
                del work
            elif self._answer is not None:
                break
            else:
                bell.wait()
        (value, error), self._answer = self._answer, None
        if error is None:
            return value
        try:
            raise error
        finally:
            # The error's traceback knows this frame.
            del error

    def _stop_for_ever(self) -> None:
        """Stop the thread: the only way to stop code that catches everything it is given."""
        worker = here.worker
        if worker is not None:
            self._post(worker.lose)
        self._post(self.execution.unwinding.stop_waiting)
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    # On the loop: answering the thread.

    def _end(self, value: Any, error: BaseException | None) -> None:
        if self._outcome.done():
            return
        if error is None:
            self._outcome.set_result(value)
        else:
            self._outcome.set_exception(error)

    def _begin_hop(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if self.is_over or self.execution.interrupted:
            self._reply(None, None)
            return
        crossing = self._crossing
        self._hop = asyncio.Task(self._carry(work), loop=crossing.loop, context=crossing.context)

    async def _carry(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        try:
            value = await work()
        except BaseException as error:
            self._hop = None
            self._reply(None, error)
        else:
            self._hop = None
            self._reply(value, None)

    def _begin_branch(self, code: Coroutine[Any, Any, Any], context: Context) -> None:
        execution = self.execution
        if self.is_over or execution.interrupted:
            code.close()
            self._reply(None, None)
            return
        task = self._crossing.loop.create_task(code, context=context)
        # Whatever it awaits, it is at work: it is the inside of a call.
        execution.adopt(task, context[current_scope]).calls += 1
        self.joined = task
        task.add_done_callback(self._end_branch)
        execution.offer_thread(self)

    def _end_branch(self, task: AnyTask) -> None:
        self.joined = None
        if task.cancelled():
            self._reply(None, asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._reply(None, error)
        else:
            self._reply(task.result(), None)

    def _reply(self, value: Any, error: BaseException | None) -> None:
        if (self.is_over or self.execution.interrupted) and not isinstance(error, Interrupt):
            value, error = None, Interrupt()
        self._answer = (value, error)
        assert self._bell is not None
        self._crossing.wake(self._bell)
