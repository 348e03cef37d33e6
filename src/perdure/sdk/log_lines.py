"""Log lines on their way to storage: they ride along with the next task, or go alone after a short time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.protocol.execution import TaskRecord
    from perdure.sdk.execution import Execution

MAX_WAITING = 200
"""How many lines may wait before a call of the logger waits for them to be stored."""


class LogLines:
    """The lines of one execution that are not stored yet, oldest first.

    A line is never lost to a later durable result: what a task's record stores, it stores after the lines that
    came before it.
    """

    __slots__ = ("_execution", "waiting")

    def __init__(self, execution: Execution) -> None:
        self._execution: Execution | None = execution
        self.waiting: list[TaskRecord] = []

    def add(self, line: TaskRecord) -> bool:
        """Take a line; ``True`` if so many wait that the caller should flush."""
        self.waiting.append(line)
        return len(self.waiting) >= MAX_WAITING

    def take(self) -> tuple[TaskRecord, ...]:
        """Hand out the waiting lines; the caller stores them."""
        assert self._execution is not None
        with self._execution.lock:
            lines, self.waiting = tuple(self.waiting), []
        return lines

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
        lines = self.take()
        last = lines[-1]
        last.ancestors = (*lines[:-1],)
        await self._execution.record(last)
