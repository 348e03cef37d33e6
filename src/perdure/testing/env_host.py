"""The host of a client in a test: what it executes counts as long as its life goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.host import Host

if TYPE_CHECKING:
    import asyncio

    from perdure.protocol.execution import ExecutionRequest, ExecutionResult
    from perdure.sdk.client import Client
    from perdure.testing.fakes import Fakes
    from perdure.testing.life import Life


class EnvHost(Host):
    """Executes a client's jobs within a life."""

    def __init__(self, client: Client, life: Life, *, force_replay: bool, fakes: Fakes) -> None:
        super().__init__(
            client,
            force_replay=force_replay,
            stand_ins=fakes,
        )
        self._life = life
        # A crash point is found again only if the same waits suspend the run each time.
        self.is_patient = False

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Run the job's function until it ends or every branch waits."""
        return await self._life.execute(request, super().execute)

    def interrupt(self) -> None:
        """Interrupt every execution at work."""
        for run_id in list(self._active):
            self.abort(run_id, "The process has died.")

    @property
    def is_dead(self) -> bool:
        """Whether its life is over."""
        return self._life.is_over

    def background(self) -> set[asyncio.Task[None]]:
        """What goes on beside executions: kept runs that unwind, log lines on their way."""
        return self._background

    def describe_work(self) -> list[str]:
        """Name the executions at work, each with the bodies that it is in."""
        lines: list[str] = []
        for run_id, execution in self._active.items():
            bodies = [repr(task.display_key or task.name) for task in execution.open_tasks.values()]
            where = f"in the body of {', '.join(bodies)}" if bodies else "outside every task"
            lines.append(f"run {run_id} of job {execution.request.job.id!r} is at work {where}")
        return lines
