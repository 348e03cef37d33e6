"""Hints: what has just been committed, told to whoever sleeps. A lost hint costs a sweep, never a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perdure.engine.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from perdure.engine.watches import RunsWatch, Watch
    from perdure.protocol.runs import RunEnd


class EndWatch(asyncio.Event):
    """Set when a run has ended, or may have; ``end`` is what it came to, if that was told with it."""

    end: RunEnd | None = None


class Hints:
    """The alarm clocks of a node's services, and of callers who wait for a run to end."""

    def __init__(self) -> None:
        self.runs = asyncio.Event()
        self.timers = asyncio.Event()
        self.executions = asyncio.Event()
        self.notifications = asyncio.Event()
        self.operations = asyncio.Event()
        self.requests = asyncio.Event()
        self.next_timer: datetime | None = None
        self.next_operation: datetime | None = None
        self.on_run_ended: Callable[[str], None] | None = None
        self._awaited: dict[str, set[EndWatch]] = {}
        self._watches = Watches()
        self.stopping = asyncio.Event()
        self.has_stopped = False

    def run_is_in_line(self) -> None:
        """A run is in line, or there is room to execute one."""
        self.runs.set()

    def timer_is_set(self, due_at: datetime) -> None:
        """Something is due then."""
        if self.next_timer is None or due_at < self.next_timer:
            self.next_timer = due_at
            self.timers.set()

    def operation_is_due(self, due_at: datetime) -> None:
        """The engine has work to do for a task then."""
        if self.next_operation is None or due_at < self.next_operation:
            self.next_operation = due_at
            self.operations.set()

    def anything_may_be_due(self) -> None:
        """Something may have been committed of which nobody knows what it makes due."""
        for service in (self.runs, self.timers, self.notifications, self.operations, self.requests):
            service.set()

    def run_has_changed(self, run_id: str) -> None:
        """Something of a run has changed: its status, a task, its log, what it shows."""
        if self._watches.are_any:
            self._watches.run_has_changed(run_id)

    def run_has_ended(self, run_id: str, end: RunEnd | None = None) -> None:
        """A run has reached a final status; ``end``: what it came to, where that is known."""
        self.run_has_changed(run_id)
        if self.on_run_ended is not None:
            self.on_run_ended(run_id)
        for waiting in self._awaited.pop(run_id, ()):
            waiting.end = end
            waiting.set()

    def run_is_held_no_more(self, run_id: str) -> None:
        """An execution of a run is over here: whoever waits for its end, trusting to be told, is to look."""
        for waiting in self._awaited.get(run_id, ()):
            waiting.set()

    def await_end(self, run_id: str) -> EndWatch:
        """Ask to be told of a run's end: the event returned is set then."""
        waiting = EndWatch()
        self._awaited.setdefault(run_id, set()).add(waiting)
        return waiting

    def forget_end(self, run_id: str, waiting: EndWatch) -> None:
        """Ask no more."""
        others = self._awaited.get(run_id)
        if others is not None:
            others.discard(waiting)
            if not others:
                del self._awaited[run_id]

    def watch_run(self, run_id: str) -> Watch:
        """Ask to be told of a run's changes, until the watch is closed."""
        return self._watches.of_run(run_id)

    def watch_runs(self) -> RunsWatch:
        """Ask to be told of every run's changes, until the watch is closed."""
        return self._watches.of_all()

    def stop(self) -> None:
        """The node is about to stop: tell whoever waits for something."""
        self.stopping.set()
        self._watches.wake_all()

    def let_go(self) -> None:
        """The node has stopped: no run ends here any more, so that whoever waits for one is to look why."""
        self.has_stopped = True
        for waiting in [one for some in self._awaited.values() for one in some]:
            waiting.set()
