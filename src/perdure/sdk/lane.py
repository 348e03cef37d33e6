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
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.sdk.interrupts import Interrupt
from perdure.sdk.scope import current_scope
from perdure.sdk.seating import NoThreadError, Seating
from perdure.sdk.threads import Seat, ThreadPool, here, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from perdure.sdk.bell import Bell
    from perdure.sdk.branches import AnyTask, Branch
    from perdure.sdk.execution import Execution
    from perdure.sdk.threads import Work

T = TypeVar("T")

SLOW_SECONDS = 0.0001
"""From when on it pays to let another thread run while code of the user's does."""

Answer = tuple[Any, BaseException | None]
Request = tuple["Callable[[], Coroutine[Any, Any, Any]] | None", Any]
"""What a thread has its branch do; or nothing, and what its code gave in the end."""


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
    lane = Lane(execution, execution.branch_at_hand(), pool, may_borrow=may_borrow)
    return await lane.run(code, patience=patience)


class Lane:
    """A thread at work for a branch.

    Attributes:
        execution: Whose code it does.
        branch: The branch that awaits it, and does for it what must be done on the loop.
        seating: How it finds its thread.
        joined: The branch on the loop that the thread waits for; it is free for other work of its run meanwhile.
        is_crossing: Whether the thread waits for what its branch does, and meets an interrupt with the answer.
        is_over: Whether nobody waits for it any more: nothing it does counts.
    """

    __slots__ = ("_answer", "_bell", "_code", "_crossing", "_has_made_way", "_is_lent", "_is_slow", "_loan",
                 "_request", "branch", "execution", "is_crossing", "is_over", "joined", "seating")  # fmt: skip

    def __init__(self, execution: Execution, branch: Branch, pool: ThreadPool, *, may_borrow: bool = True) -> None:
        self.execution = execution
        self.branch = branch
        self.seating = Seating(self, pool, may_borrow=may_borrow)
        self.joined: AnyTask | None = None
        self.is_crossing = False
        self.is_over = False
        self._crossing = execution.host.crossing
        self._request: asyncio.Future[Request] = self._crossing.loop.create_future()
        self._code: tuple[Callable[[], Any], Context] | None = None
        self._bell: Bell | None = None
        self._answer: Answer | None = None
        self._loan: Work | None = None
        self._has_made_way = False
        self._is_slow = True
        self._is_lent = False

    # On the loop: its life.

    async def run(self, code: Callable[[], T], *, patience: float | None = None) -> T:
        """Find a thread and have it run the code; see `run_in_thread`."""
        self._code = (code, copy_context())
        try:
            self.seating.find(patience=patience)
            result: T = await self._serve()
            return result
        except asyncio.CancelledError:
            self.give_up()
            raise
        finally:
            if self.branch.lane is self:
                self.branch.lane = None
                self.branch.calls -= 1
                self.execution.lanes.remove(self)

    async def _serve(self) -> Any:
        """Do what the thread asks for, until it has come to its end."""
        while True:
            work, value = await self._request
            if work is None:
                return value
            self._request = self._crossing.loop.create_future()
            self.is_crossing = True
            try:
                value = await work()
            except BaseException as error:
                self.is_crossing = False
                self._reply(None, error)
                if isinstance(error, asyncio.CancelledError):
                    raise
            else:
                self.is_crossing = False
                self._reply(value, None)

    def begin_in(self, seat: Seat) -> None:
        """Begin, in this thread."""
        self.branch.lane = self
        self.branch.calls += 1
        self.execution.lanes.add(self)
        seat.start(self._work)

    def end_early(self, error: NoThreadError | None) -> None:
        """End without having begun."""
        self.is_over = True
        self._end(None, error)

    def give_up(self) -> None:
        """Let the thread go on by itself; whatever it still asks for is refused."""
        self.is_over = True
        self.seating.leave()
        if self.joined is not None:
            self.joined.cancel()
        asked = self._request
        if asked.done() and not asked.cancelled() and asked.exception() is None and asked.result()[0] is not None:
            # Cancelled after the thread had asked for something, and before it was heard: it would wait for ever.
            self._reply(None, Interrupt())

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
            self.execution.lanes.offer(self)

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

    def run_code(self, code: Callable[[], T]) -> T:
        """Run code of the user's, which may take long; other threads go on meanwhile."""
        # To wake another for code that takes no time costs more than it gives, and code is mostly like the code before.
        if self._is_slow:
            # It is scheduled as ever, and so are the programs that it starts.
            if self._bell is not None:
                self._bell.join_crowd(is_crowded=False)
            if not self._has_made_way:
                self._has_made_way = True
                self._crossing.make_way()
        began = perf_counter()
        try:
            return code()
        finally:
            self._is_slow = perf_counter() - began > SLOW_SECONDS

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
        bell.join_crowd(is_crowded=self._crossing.is_crowded)
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
        if self._request.done():
            return
        if error is None:
            self._request.set_result((None, value))
        else:
            self._request.set_exception(error)

    def _begin_hop(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if self.is_over or self.execution.interrupted or self._request.done():
            self._reply(None, Interrupt())
        else:
            self._request.set_result((work, None))

    def _begin_branch(self, code: Coroutine[Any, Any, Any], context: Context) -> None:
        execution = self.execution
        if self.is_over or execution.interrupted:
            code.close()
            self._reply(None, Interrupt())
            return
        task = self._crossing.loop.create_task(code, context=context)
        # Whatever it awaits, it is at work: it is the inside of a call.
        execution.adopt(task, context[current_scope]).calls += 1
        self.joined = task
        task.add_done_callback(self._end_branch)
        execution.lanes.offer(self)

    def _end_branch(self, task: AnyTask) -> None:
        self.joined = None
        try:
            error = task.exception()
        except asyncio.CancelledError as cancelled:
            # With what it was cancelled for.
            error = cancelled
        if error is not None:
            self._reply(None, error)
        else:
            self._reply(task.result(), None)

    def _reply(self, value: Any, error: BaseException | None) -> None:
        if (self.is_over or self.execution.interrupted) and not isinstance(error, Interrupt):
            value, error = None, Interrupt()
        self._answer = (value, error)
        assert self._bell is not None
        self._crossing.wake(self._bell)
