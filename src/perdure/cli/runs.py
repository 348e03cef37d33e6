"""``perdure runs``: list runs, show one, cancel it, start it again, let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common, Flag
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.protocol.runs import RunAnswer

COLUMNS = ("run", "job", "status", "started", "took", "why")


def list_runs(
    *,
    job: str | None = None,
    status: Annotated[tuple[RunStatus, ...], Parameter(negative="", show_default=False)] = (),
    take: int = 20,
    cursor: str | None = None,
    common: Common = COMMON,
) -> int:
    """List runs, newest first.

    Args:
        job: Only those of this job.
        status: Only those with this status; may be given several times.
        take: How many.
        cursor: Where to go on: next_cursor of the list before.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output, note
        from perdure.cli.pages import collect
        from perdure.cli.unknown import check_job
        from perdure.protocol.management import RunFilter
        from perdure.protocol.runs import RunPageAnswer

        desk, output = connection.desk, Output(as_json=common.json)
        chosen = RunFilter(job, status)
        if job is not None:
            await check_job(desk, job)

        async def read(at: str | None, size: int) -> tuple[tuple[RunAnswer, ...], str | None]:
            page = await desk.list_runs(chosen, cursor=at, take=size)
            return page.runs, page.next_cursor

        with output.working("Looking through the runs …"):
            runs, following = await collect(read, take=take, cursor=cursor)
        if output.as_json:
            from perdure.sdk.answers import page_of

            output.value(page_of(RunPageAnswer(tuple(runs), following)))
            return 0
        output.table(COLUMNS, [row_of(run) for run in runs], empty="There are no such runs.")
        if following is not None and output.for_people:
            note(f"There are more: --take {take * 5}, or --cursor {following}.")
        return 0

    return ask(common, work)


def row_of(run: RunAnswer) -> tuple[Any, ...]:
    """Give the cells of a run in a list."""
    from perdure.cli.text import duration_text

    took = None
    if run.started_at is not None and run.completed_at is not None:
        took = duration_text(run.completed_at - run.started_at)
    why = run.error.message if run.error is not None else run.why
    return (run.id, run.job_id, run.status, run.started_at, took, why)


def show_run(run_id: str, /, *, take: int = 200, common: Common = COMMON) -> int:
    """Show a run: where it stands, its tasks, its log, and what it ended with.

    Args:
        run_id: The run.
        take: How many of its tasks.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.cli.run_views import read_run, show
        from perdure.cli.unknown import with_nearest_run

        async with with_nearest_run(connection.desk, run_id):
            run = await read_run(connection.desk, run_id, take=take)
        show(run, Output(as_json=common.json))
        return 0

    return ask(common, work)


def cancel_run(run_id: str, /, *, common: Common = COMMON) -> int:
    """Cancel a run that has not ended.

    Args:
        run_id: The run.
    """
    return _change(run_id, lambda connection: connection.desk.cancel_run(run_id), common)


def rerun(run_id: str, /, *, follow: Flag = False, common: Common = COMMON) -> int:
    """Start another run of the same job with the same event.

    Args:
        run_id: The run.
        follow: Show what the new run does, until it has ended.
    """
    return _change(run_id, lambda connection: connection.desk.rerun(run_id), common, follow=follow)


def continue_run(run_id: str, /, *, follow: Flag = False, common: Common = COMMON) -> int:
    """Let a run go on that has ended without success; what it has completed it keeps.

    Args:
        run_id: The run.
        follow: Show what it does, until it has ended.
    """
    return _change(run_id, lambda connection: connection.desk.continue_run(run_id), common, follow=follow)


def _change(
    run_id: str, change: Callable[[Connection], Awaitable[RunAnswer]], common: Common, *, follow: bool = False
) -> int:
    async def work(connection: Connection) -> int:
        from perdure.cli.following import follow_run, warn_of_no_node
        from perdure.cli.output import Output
        from perdure.cli.run_views import head_of
        from perdure.cli.unknown import with_nearest_run

        output = Output(as_json=common.json)
        async with with_nearest_run(connection.desk, run_id):
            run = await change(connection)
        if follow:
            return await follow_run(connection, run.id, output)
        if output.as_json:
            from perdure.sdk.answers import run_of

            output.value(run_of(run))
        else:
            output.record(head_of(run))
        if not run.status.is_final:
            warn_of_no_node(connection, run.id)
        return 0

    return ask(common, work)
