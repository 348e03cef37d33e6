"""What an app does with one run, from outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.answers import run_of, status_of, statuses_of
from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.events import invoke_request
from perdure.sdk.handle import RunHandle
from perdure.sdk.names import check_id
from perdure.sdk.status_calls import refuse_nothing, status_change

if TYPE_CHECKING:
    from perdure.sdk.job import Job
    from perdure.sdk.records import Run, RunStatus, RunStatuses

T = TypeVar("T")


class ClientRun(ClientPart):
    """One run: started, looked up, cancelled, and what it shows."""

    @overload
    async def invoke(
        self,
        job: Job[Any, T],
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> RunHandle[T]: ...

    @overload
    async def invoke(
        self,
        job: str,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> RunHandle[Any]: ...

    async def invoke(
        self,
        job: Job[Any, Any] | str,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> RunHandle[Any]:
        """Start a run of a job. Arguments and errors are those of `IO.invoke`."""
        refuse_in_job("client.invoke", "io.invoke")
        request = invoke_request(
            job,
            payload,
            idempotency_key=idempotency_key,
            context=context,
            account_id=account_id,
            callback_url=callback_url,
        )
        node = self.connected()
        run_id = await node.call(lambda platform: platform.invoke_job(request))
        return RunHandle(run_id, node.call, self.output_codec(job))

    async def get_run(
        self, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False, details: bool = False
    ) -> Run:
        """Look a run up with one page of its tasks.

        Args:
            run_id: The run.
            cursor: ``next_cursor`` of the page before.
            take: How many tasks at most, 1 to 50.
            subtasks: List nested tasks too, as ``children`` of their parents.
            details: As v2's ``taskdetails``; a node in this process gives each task's params and output anyway.

        Raises:
            NotFoundError: There is no such run in this environment.
            InvalidArgumentError: An id is no text, ``take`` is out of range, or the cursor is none.

        See also: v2 protocol, section 4.3.
        """
        refuse_in_job("client.get_run", "io.run_task")
        check_id(run_id, what="run_id")
        if cursor is not None:
            check_id(cursor, what="cursor")
        return run_of(
            await self.connected().call(
                lambda platform: platform.get_run(run_id, cursor=cursor, take=take, subtasks=subtasks)
            )
        )

    async def cancel_run(self, run_id: str) -> Run:
        """Cancel a run that has not ended: nothing of it is executed or stored from then on.

        Raises:
            NotFoundError: There is no such run in this environment.
            InvalidArgumentError: The id is no text.

        See also: v2 protocol, section 6.11.
        """
        refuse_in_job("client.cancel_run", "io.run_task")
        check_id(run_id, what="run_id")
        return run_of(await self.connected().call(lambda platform: platform.cancel_run(run_id)))

    async def get_run_statuses(self, run_id: str) -> RunStatuses:
        """Look up the statuses that a run shows.

        Raises:
            NotFoundError: There is no such run in this environment.
            InvalidArgumentError: The id is no text.

        See also: v2 protocol, section 4.3.
        """
        refuse_in_job("client.get_run_statuses", "io.run_task")
        check_id(run_id, what="run_id")
        return statuses_of(await self.connected().call(lambda platform: platform.get_run_statuses(run_id)))

    async def update_status(
        self, run_id: str, id: str, *, label: str | None = None, state: str | None = None, data: Any = None
    ) -> RunStatus:
        """Change a status of a run; what it was goes to its history. What is not given stays.

        A status that the run has not is created, with its key as its label if none is given. The run may have ended.

        Args:
            run_id: The run.
            id: The status's key.
            label: What is shown: 1 to 512 characters without control characters.
            state: ``"loading"``, ``"success"`` or ``"failure"``.
            data: A JSON object or a model, of at most 64 KiB as JSON.

        Raises:
            NotFoundError: There is no such run in this environment.
            InvalidArgumentError: Nothing is given, what is given is outside its limits, or the run has 1,000 statuses
                already.
            UnserializableOutputError: The data has no JSON form.
            ValueTooLargeError: The data is over 64 KiB.

        See also: v2 protocol, section 4.3.
        """
        refuse_in_job("client.update_status", "the update of what io.create_status gives")
        check_id(run_id, what="run_id")
        refuse_nothing("client.update_status", label, state, data)
        change = status_change(id, label=label, state=state, data=data)
        return status_of(await self.connected().call(lambda platform: platform.put_status(run_id, change)))
