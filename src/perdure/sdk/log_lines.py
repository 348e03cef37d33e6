"""Log lines on their way to storage: they ride along with the next task, or go alone after a short time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk import recording

if TYPE_CHECKING:
    from perdure.protocol.execution import TaskRecord
    from perdure.sdk.execution import Execution
    from perdure.sdk.scope import OpenTask

MAX_WAITING = 200
"""How many lines may wait before a call of the logger waits for them to be stored."""

MOST_WAITING = 500
MOST_CHARACTERS = 4_194_304
"""How many lines may wait, and of how many characters, that come from where nobody can wait; further ones are lost."""


class LogLines:
    """The lines of one execution that are not stored yet, oldest first.

    A line is never lost to a later durable result: what a task's record stores, it stores after the lines that
    came before it. `add` and `offer` are called under the execution's lock, from any thread.

    Attributes:
        waiting: The lines, each with the task it stands in.
        dropped: How many were lost.
        is_flush_due: Whether the event loop has been asked to store them.
    """

    __slots__ = ("_characters", "_execution", "dropped", "is_flush_due", "waiting")

    def __init__(self, execution: Execution) -> None:
        self._execution: Execution | None = execution
        self._characters = 0
        self.dropped = 0
        self.is_flush_due = False
        self.waiting: list[tuple[TaskRecord, OpenTask | None]] = []

    def add(self, line: TaskRecord, task: OpenTask | None) -> bool:
        """Take a line; ``True`` if so many wait that they should be flushed."""
        self.waiting.append((line, task))
        self._characters += len(line.details or "") + len(line.params or "")
        return len(self.waiting) >= MAX_WAITING

    def offer(self, line: TaskRecord, task: OpenTask | None) -> bool:
        """Take a line that nobody waits for, unless too many wait already; ``True`` if they should be flushed."""
        if len(self.waiting) >= MOST_WAITING or self._characters >= MOST_CHARACTERS:
            self.dropped += 1
            return True
        return self.add(line, task)

    def take(self) -> tuple[TaskRecord, ...]:
        """Hand out the waiting lines, each after the tasks around it, on the event loop; the caller stores them."""
        execution = self._execution
        if execution is None:
            return ()
        with execution.lock:
            taken, self.waiting, self._characters = self.waiting, [], 0
            self.is_flush_due = False
        records: list[TaskRecord] = []
        for line, task in taken:
            # Its key holds the task's id, which a crash must not change. One that is no longer at work is stored, or
            # was given up, and whoever asks for it anew makes it anew.
            if task is not None and not task.is_stored and execution.open_tasks.get(task.id) is task:
                records += recording.begun(execution, task)
            records.append(line)
        return tuple(records)

    def release(self) -> None:
        """Let go of the execution, which has ended."""
        self._execution = None

    async def flush(self) -> None:
        """Store the waiting lines.

        Raises:
            Interrupt: They could not be stored: the execution is over.
        """
        if not self.waiting or self._execution is None:
            return
        *before, last = self.take()
        last.ancestors = tuple(before)
        await recording.record(self._execution, last)
