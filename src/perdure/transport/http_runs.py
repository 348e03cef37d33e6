"""Runs, over HTTP."""

from __future__ import annotations

import asyncio
import math
import secrets
from typing import TYPE_CHECKING, Final

from perdure.protocol.api_bodies import InvokeJob, RunId
from perdure.protocol.management import RunFilter
from perdure.protocol.runs import CancelAnswer, RunAnswer, RunEnd, RunPageAnswer
from perdure.transport.http_part import HttpPart
from perdure.transport.node_link import path_of
from perdure.transport.node_request import NodeRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.protocol.task_waits import InvokeRequest

_ALL = RunFilter()
_TURN_SECONDS: Final = 30
"""For how long the node is asked to wait for the end of a run; then it is asked again."""


class HttpRuns(HttpPart):
    """Starts runs, looks them up, lists and follows them, cancels and repeats them, and awaits their ends."""

    async def invoke_job(self, request: InvokeRequest) -> str:
        """Create a run and return its id; with a known idempotency key, the id of the first one."""
        # With a key, a job that is invoked again has the same run.
        key = request.idempotency_key
        body = InvokeJob(
            request.payload,
            request.context,
            f"call_{secrets.token_hex(16)}" if key is None else key,
            request.account_id,
            request.callback_url,
        )
        return (await self._post(RunId, "jobs", request.job_id, "invoke", body=body)).id

    async def get_run(
        self, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False
    ) -> RunAnswer:
        """Look a run up with one page of its tasks."""
        nested = "true" if subtasks else None
        return await self._get(RunAnswer, "runs", run_id, cursor=cursor, take=take, subtasks=nested)

    async def cancel_run(self, run_id: str) -> RunAnswer:
        """Cancel a run that has not ended; returns it as it then is."""
        return await self._post(RunAnswer, "runs", run_id, "cancel")

    async def get_runs(self, job_id: str, *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of a job's runs, newest first."""
        return await self._get(RunPageAnswer, "jobs", job_id, "runs", cursor=cursor, take=take)

    async def list_runs(self, filter: RunFilter = _ALL, *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of runs, newest first, without their tasks."""
        query = [*_query(filter), ("cursor", cursor), ("take", take)]
        return await self._link.ask(NodeRequest("GET", path_of("runs", query=query)), RunPageAnswer)

    async def cancel_runs_for_job(self, job_id: str) -> CancelAnswer:
        """Cancel the runs of a job that have not ended."""
        return await self._post(CancelAnswer, "jobs", job_id, "cancel-runs")

    async def rerun(self, run_id: str) -> RunAnswer:
        """Start a run of the same job and version with the same event; returns it as it then is.

        Raises:
            NotConnectedError: No node answers; or the connection was lost, and it may have been done or not.
        """
        return await self._post(RunAnswer, "runs", run_id, "rerun", repeats=False)

    async def continue_run(self, run_id: str) -> RunAnswer:
        """Let a run go on that has ended without success; returns it as it then is.

        Raises:
            CannotContinueError: It has not ended, or has succeeded.
            NotConnectedError: No node answers; or the connection was lost, and it may have been done or not.
        """
        return await self._post(RunAnswer, "runs", run_id, "continue", repeats=False)

    async def wait_for_run(self, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return the run, without tasks, when it has ended.

        Raises:
            TimeoutError: It had not after ``timeout`` seconds; the run goes on.
        """
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        async with asyncio.timeout_at(until):
            while True:
                turn = _TURN_SECONDS if until is None else min(_TURN_SECONDS, max(0, math.ceil(until - loop.time())))
                request = NodeRequest("GET", path_of("runs", run_id, "end", query=[("timeout", turn)]))
                try:
                    return await self._link.ask(request, RunAnswer, longer=turn)
                except TimeoutError:
                    if until is not None and loop.time() >= until:
                        raise

    async def wait_for_end(self, run_id: str, *, timeout: float | None = None) -> RunEnd:
        """Return what the run came to when it has ended; otherwise as `wait_for_run`."""
        return RunEnd.of(await self.wait_for_run(run_id, timeout=timeout))

    async def follow_run(self, run_id: str) -> AsyncIterator[RunAnswer]:
        """Follow a run until it has ended: first as it is, then at each change.

        Each answer has the tasks that are new or have changed since the answer before, and the log lines that are new.
        After a connection was lost, there is one with all of them again.
        """
        async for name, run in self._link.follow(NodeRequest("GET", path_of("runs", run_id, "changes")), RunAnswer):
            yield run
            if name == "end":
                return

    async def follow_runs(self, filter: RunFilter = _ALL) -> AsyncIterator[RunAnswer]:
        """Follow the runs that change from now on; changes while no node could be reached are not among them."""
        request = NodeRequest("GET", path_of("runs", "changes", query=_query(filter)))
        async for _, run in self._link.follow(request, RunAnswer):
            yield run


def _query(filter: RunFilter) -> list[tuple[str, str | int | None]]:
    return [("job", filter.job_id), *(("status", str(status)) for status in filter.statuses)]
