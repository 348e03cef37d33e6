"""The executions this node holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import StaleExecutionError
from perdure.protocol.epochs import count_of, epoch_of, life_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.execution import TaskState

    Tell = Callable[[str, int, list[TaskState]], None]


_MOST_UNTOLD = 20
"""About so many results of waits are kept; of others an execution learns when it ends."""


class Hold:
    """An execution at work.

    Attributes:
        run_no: The run.
        run_id: Its id.
        environment_no: The environment that it is in.
        epoch: The number of this execution.
        name: The epoch by which it is named where it is executed, if that is elsewhere.
        endpoint: Who executes.
        since: When it began.
        limit_no: The concurrency limit it takes a place of, or ``None``.
        early: What is told of waits that are over while its tasks are loaded; ``None``: they are.
        is_fruitful: Whether it has completed a task.
        has_open_tasks: Whether the run may have tasks without outcome.
        refused: Why a task that its endpoint asked for was refused, for good; ``None``: none was.
        task: The asyncio task that waits for the result.
        untold: The waits that were over before there was a way to tell it, as far as these are kept.
        tell: Tells the process that executes of waits that are over, by what it has sent last; ``None``: it cannot be
            told so.
    """

    __slots__ = (
        "early",
        "endpoint",
        "environment_no",
        "epoch",
        "has_open_tasks",
        "is_fruitful",
        "limit_no",
        "name",
        "refused",
        "run_id",
        "run_no",
        "since",
        "task",
        "tell",
        "untold",
    )

    def __init__(
        self, run_no: int, run_id: str, epoch: int, endpoint: Endpoint, since: datetime, *, environment_no: int
    ) -> None:
        self.run_no = run_no
        self.run_id = run_id
        self.environment_no = environment_no
        self.epoch = self.name = epoch
        self.endpoint = endpoint
        self.since = since
        # In its first execution a run has no tasks.
        self.early: list[TaskState] | None = [] if epoch > 1 else None
        self.is_fruitful = False
        self.has_open_tasks = epoch > 1
        self.limit_no: int | None = None
        self.refused: str | None = None
        self.task: asyncio.Task[None] | None = None
        self.untold: Sequence[TaskState] = ()
        self.tell: Tell | None = None

    def tell_or_keep(self, states: list[TaskState]) -> None:
        """Tell the process that executes of waits that are over, or keep that until there is a way to tell it."""
        if self.tell is not None:
            self.tell(self.run_id, self.name, states)
        elif len(self.untold) < _MOST_UNTOLD:
            self.untold = [*self.untold, *states]

    def tell_by(self, tell: Tell) -> None:
        """Tell the process that executes by this way from now on, beginning with what it has not been told yet."""
        self.tell = tell
        if self.untold:
            untold, self.untold = self.untold, ()
            tell(self.run_id, self.name, [*untold])


class Holds:
    """The executions of a node by run id.

    Args:
        life: Which start of the server this is (`perdure.protocol.epochs`); 0: it is not told from others.
    """

    def __init__(self, life: int = 0) -> None:
        self.life = life
        self._by_run: dict[str, Hold] = {}

    def __len__(self) -> int:
        return len(self._by_run)

    def add(self, hold: Hold) -> None:
        """Begin to hold."""
        hold.name = epoch_of(hold.epoch, self.life)
        self._by_run[hold.run_id] = hold

    def number(self, name: int) -> int:
        """Read the number of an execution from what is said to be its epoch.

        Raises:
            StaleExecutionError: It was begun in another life of this server.
        """
        if life_of(name) not in (0, self.life):
            raise StaleExecutionError
        return count_of(name)

    def find(self, run_id: str) -> Hold | None:
        """The execution of a run that this node holds."""
        return self._by_run.get(run_id)

    def drop(self, hold: Hold) -> bool:
        """Hold no more; whether it was held. A later execution of the same run stays."""
        if self._by_run.get(hold.run_id) is not hold:
            return False
        del self._by_run[hold.run_id]
        return True

    def all(self) -> list[Hold]:
        """The executions at work."""
        return list(self._by_run.values())
