"""Handing runs to their endpoints, each with the tasks that replay needs and the credentials of its integrations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from perdure.engine.hastening import hasten_postponed
from perdure.engine.requeues import Unconnected
from perdure.errors import StorageError
from perdure.protocol.endpoint import DistantApp
from perdure.protocol.execution import Abandoned, ExecutionRequest, ExecutionResult, JobRef, RunInfo, TaskState
from perdure.storage import tasks

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.connections import Connections
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Hold
    from perdure.engine.tracing import Tracing
    from perdure.engine.waits import Woken
    from perdure.protocol.connections import Credential
    from perdure.protocol.endpoint import Endpoint
    from perdure.storage.interface import Storage
    from perdure.storage.run_queue import ClaimedRun

_FEW = 20
"""So many tasks of a run are loaded on the thread of the loop."""


class Launches:
    """Has runs executed that this node holds.

    Args:
        storage: The database.
        clock: The time.
        directory: Knows the jobs, the environments, and the apps that nobody has answered for lately.
        connections: Gives credentials.
        hints: Are told of runs that are due.
        tracing: Is told of executions; ``None``: nobody is.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        connections: Connections,
        hints: Hints,
        *,
        tracing: Tracing | None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._connections = connections
        self._hints = hints
        self._tracing = tracing

    async def launch(self, hold: Hold, run: ClaimedRun, woken: Woken | None) -> ExecutionResult | Unconnected:
        """Have the run executed; what came of it, or why it cannot be executed now.

        Args:
            hold: What this node knows of the execution.
            run: The run.
            woken: What woke it, if that was in the commit that claimed it.
        """
        wanted = self._directory.credentials.get(run.job_no)
        credentials = None if wanted is None else await self._connections.of_run(run, wanted)
        if isinstance(credentials, (Unconnected, Abandoned)):
            return credentials
        if self._directory.absences.away:
            absence = await self._find_out(hold.endpoint)
            if absence is not None:
                return absence
        states, is_complete = ([], True) if run.epoch == 1 else await self._tasks(hold, woken)
        # From here to the endpoint nothing comes in between.
        early, hold.early = hold.early, None
        if early:
            over = {state.id for state in early}
            states = [*(state for state in states if state.id not in over), *early]
        request = self._request(run, states, is_complete, credentials)
        if self._tracing is None:
            result = await hold.endpoint.execute(request)
        else:
            with self._tracing.execution(run, request.tenant.environment.slug):
                result = await hold.endpoint.execute(request)
        if isinstance(result, Abandoned) and result.is_absent:
            # It may have been registered anew, at another place.
            if self._directory.hosts.get(run.job_no) is hold.endpoint:
                self._directory.absences.note_away(hold.endpoint, result.reason, self._clock.now())
        elif self._directory.absences:
            await self._is_back(hold.endpoint)
        return result

    async def _find_out(self, app: Endpoint) -> Abandoned | None:
        """Look whether an app that was away is back, before an execution of which nobody knows how long it takes."""
        absences = self._directory.absences
        if app not in absences.away or not isinstance(app, DistantApp):
            return None
        why = absences.why(app)
        if not await app.is_there():
            return Abandoned(why, no_code=True, is_absent=True)
        await self._is_back(app)
        return None

    async def _is_back(self, app: Endpoint) -> None:
        """Let the runs of an app be executed at once, if it was away."""
        if not self._directory.absences.note_there(app):
            return
        # If that cannot be stored, they are looked at in their turn.
        with suppress(StorageError):
            await hasten_postponed(self._storage, self._clock, self._directory.jobs_of(app))
        self._hints.run_is_in_line()

    async def _tasks(self, hold: Hold, woken: Woken | None) -> tuple[list[TaskState], bool]:
        """Load what replay needs, all of it; or, if the endpoint holds the suspended run, only what it waits for."""
        named = hold.endpoint.held(hold.run_id)
        if named is not None:
            # Had another wait of the run been over before, it would have been in line, and not have been woken.
            if woken is not None and any(state.id in named for state in woken.states):
                return woken.states, False
            rows = await self._storage.read(tasks.list_by_id, named)
            # Between asking and now the endpoint may have let go of the run.
            if hold.endpoint.held(hold.run_id) == named:
                return [state for _, state in rows], False
        # Of a few tasks a look on this thread costs a tenth of what it costs to ask another.
        few = await self._storage.read(tasks.list_few, hold.run_no, limit=_FEW + 1)
        if len(few) <= _FEW:
            return few, True
        return [state for _, state in await self._storage.scan(tasks.list_of_runs, (hold.run_no,))], True

    def _request(
        self, run: ClaimedRun, states: list[TaskState], is_complete: bool, credentials: dict[str, Credential] | None
    ) -> ExecutionRequest:
        return ExecutionRequest(
            run.epoch,
            RunInfo(run.id, run.is_test, run.is_retry, run.started_at),
            JobRef(run.job_id, run.version),
            run.event,
            self._directory.tenants[run.environment_no],
            run.account,
            run.source,
            states,
            run.yielded,
            is_complete,
            credentials,
        )
