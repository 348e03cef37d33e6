"""``perdure runs tail``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common
from perdure.protocol.statuses import RunStatus


def tail_runs(
    run_id: str | None = None,
    /,
    *,
    job: str | None = None,
    status: Annotated[tuple[RunStatus, ...], Parameter(negative="", show_default=False)] = (),
    common: Common = COMMON,
) -> int:
    """Show what a run does until it has ended; without an id, the runs that change, until Ctrl-C.

    Exits with 1 if the run ends without success.

    Args:
        run_id: The run.
        job: Without an id: only the runs of this job.
        status: Without an id: only runs that come to this status; may be given several times.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.following import follow_run, follow_runs
        from perdure.cli.output import Output
        from perdure.cli.unknown import check_job, with_nearest_run
        from perdure.errors import InvalidArgumentError
        from perdure.protocol.management import RunFilter

        output = Output(as_json=common.json)
        if run_id is None:
            if job is not None:
                await check_job(connection.desk, job)
            return await follow_runs(connection, RunFilter(job, status), output)
        if job is not None or status:
            raise InvalidArgumentError(
                "--job and --status choose among runs; a single one is followed by its id alone."
            )
        async with with_nearest_run(connection.desk, run_id):
            return await follow_run(connection, run_id, output)

    return ask(common, work)
