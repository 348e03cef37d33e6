"""What an app does with runs, from outside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.answers import cancelled_of, page_of, run_of
from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.events import check_event_id
from perdure.sdk.handle import RunHandle
from perdure.sdk.names import check_id

if TYPE_CHECKING:
    from perdure.sdk.records import CancelResult, Run, RunPage


class ClientRuns(ClientPart):
    """Runs: listed, cancelled by the many, run once more."""

    async def get_runs(self, job_id: str, *, cursor: str | None = None, take: int = 20) -> RunPage:
        """List a job's runs, newest first, one page at a time.

        Args:
            job_id: The job. One that the environment has never seen has no runs.
            cursor: ``next_cursor`` of the page before.
            take: How many runs at most, 1 to 50.

        Returns:
            The runs without their tasks, log lines and statuses.

        Raises:
            InvalidArgumentError: ``take`` is out of range, or the cursor is none.

        See also: v2 protocol, section 4.4.
        """
        refuse_in_job("client.get_runs", "io.run_task")
        check_id(job_id, what="job_id")
        if cursor is not None:
            check_id(cursor, what="cursor")
        return page_of(
            await self.connected().call(lambda platform: platform.get_runs(job_id, cursor=cursor, take=take))
        )

    async def cancel_runs_for_event(self, event_id: str) -> CancelResult:
        """Cancel the runs of an event that have not ended, as `Client.cancel_run` does.

        Args:
            event_id: The sender's id of the event, or the one that was made for it.

        Raises:
            NotFoundError: There is no such event in this environment.
            InvalidArgumentError: The id is none.

        See also: v2 protocol, section 4.1.
        """
        refuse_in_job("client.cancel_runs_for_event", "io.run_task")
        event_id = check_event_id(event_id)
        return cancelled_of(await self.connected().call(lambda platform: platform.cancel_runs_for_event(event_id)))

    async def cancel_runs_for_job(self, job_id: str) -> CancelResult:
        """Cancel a job's runs that have not ended, as `Client.cancel_run` does, the newest first.

        They are cancelled in batches, so there may be very many, and others go on meanwhile. Runs that are started
        after the call are left alone.

        Args:
            job_id: The job.

        Raises:
            NotFoundError: The environment has never seen the job.

        See also: v2 protocol, section 4.4.
        """
        refuse_in_job("client.cancel_runs_for_job", "io.run_task")
        check_id(job_id, what="job_id")
        return cancelled_of(await self.connected().call(lambda platform: platform.cancel_runs_for_job(job_id)))

    async def rerun(self, run_id: str) -> RunHandle[Any]:
        """Start another run of the same job and version with the same event.

        The event is stored once more, as ``<its id>:retry:<milliseconds>``; nothing else starts with it. In the new run
        ``ctx.run.is_retry`` is true. The first run stays as it is, whether it has ended or not.

        Args:
            run_id: The run.

        Returns:
            The handle of the new run.

        Raises:
            NotFoundError: There is no such run in this environment.
            JobDisabledError: The app of its job, which is elsewhere, declares it no more.

        See also: v2 protocol, section 6.11.
        """
        refuse_in_job("client.rerun", "io.run_task")
        check_id(run_id, what="run_id")
        node = self.connected()
        run = await node.call(lambda platform: platform.rerun(run_id))
        return RunHandle(run.id, node.call, self.output_codec(run.job_id))

    async def continue_run(self, run_id: str) -> Run:
        """Let a run go on that has ended without success: it is executed again, with what it has completed.

        Tasks that are ERRORED or CANCELED are executed anew, with as many attempts as at first; those that are
        COMPLETED give their results. A wait for a time ends when it would have ended.

        Args:
            run_id: The run.

        Returns:
            The run, in line again.

        Raises:
            NotFoundError: There is no such run in this environment.
            CannotContinueError: It has not ended, or has succeeded.

        See also: v2 protocol, section 6.11.
        """
        refuse_in_job("client.continue_run", "io.run_task")
        check_id(run_id, what="run_id")
        return run_of(await self.connected().call(lambda platform: platform.continue_run(run_id)))
