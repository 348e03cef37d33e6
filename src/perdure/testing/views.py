"""The runs that a test has been given: each is one object, which is brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.sdk.answers import run_of
from perdure.testing.runs import EnvRun

if TYPE_CHECKING:
    from perdure.protocol.platform import Platform
    from perdure.protocol.runs import RunAnswer
    from perdure.sdk.records import Run
    from perdure.testing.lives import Lives

_PAGE = 50


class Views:
    """The runs of an environment, as far as its test has been given them."""

    def __init__(self) -> None:
        self._by_id: dict[str, EnvRun] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._by_id)

    async def give(self, lives: Lives, run_id: str) -> EnvRun:
        """Give a run as it is now.

        Raises:
            NotFoundError: There is no such run.
        """
        record, answer = await read_run((await lives.alive()).node.platform, run_id)
        view = self._by_id.get(run_id)
        if view is None:
            view = self._by_id[run_id] = EnvRun(record)
        view.update(record, executions=answer.executions)
        return view

    async def update(self, lives: Lives) -> None:
        """Bring the runs up to date, as far as they may have changed."""
        for one in await (await lives.alive()).list_runs():
            view = self._by_id.get(one.id)
            if view is not None and not (view.status.is_final and view.shows(one.status, executions=one.epoch)):
                await self.give(lives, one.id)

    def clear(self) -> None:
        """Forget all of them."""
        self._by_id.clear()


async def read_run(platform: Platform, run_id: str) -> tuple[Run, RunAnswer]:
    """Look a run up with all of its tasks.

    Raises:
        NotFoundError: There is no such run.
    """
    page = await platform.get_run(run_id, take=_PAGE, subtasks=True)
    tasks, cursor = page.tasks, page.next_cursor
    while cursor is not None:
        more = await platform.get_run(run_id, cursor=cursor, take=_PAGE, subtasks=True)
        tasks, cursor = tasks + more.tasks, more.next_cursor
    whole = replace(page, tasks=tasks, next_cursor=None)
    return run_of(whole), whole
