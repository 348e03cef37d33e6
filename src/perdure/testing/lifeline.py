"""What a host asks the engine through: it reaches nothing once the host's life is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from perdure.testing.points import describe_record

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.platform import Platform
    from perdure.protocol.state import StateCall, StateOutcome
    from perdure.testing.life import Life


class Lifeline:
    """A `Platform` as long as a life lasts; knows the moments at which that may end."""

    def __init__(self, platform: Platform, life: Life) -> None:
        self._platform = platform
        self._life = life

    @property
    def platform(self) -> Platform:
        """The same, as what it stands for."""
        return cast("Platform", self)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Hand every other call on."""

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._life.check()
            return await getattr(self._platform, name)(*args, **kwargs)

        return call

    async def record_task(self, run_id: str, epoch: int, record: TaskRecord) -> None:
        """Store a task's state."""
        after = self._before(run_id, record)
        await self._platform.record_task(run_id, epoch, record)
        after()

    async def perform_task(self, run_id: str, epoch: int, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Do a task's work on state, and store what came of it."""
        after = self._before(run_id, record)
        outcome = await self._platform.perform_task(run_id, epoch, record, call)
        after()
        return outcome

    def _before(self, run_id: str, record: TaskRecord) -> Callable[[], None]:
        life = self._life
        life.check()
        path = life.names.note_task(run_id, record)
        moment = describe_record(path, record)
        if moment is None:
            return life.check
        life.reach(f"before {moment} was stored", run_id)
        life.check()

        def after() -> None:
            if record.status.is_final:
                life.script.recorded[run_id, record.key] += 1
            life.reach(f"after {moment} was stored", run_id)
            life.check()

        return after
