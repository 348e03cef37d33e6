"""``perdure run``: start a run of a job."""

from __future__ import annotations

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common, Flag


def run_job(
    job: str,
    /,
    *member: str,
    payload: str | None = None,
    context: str | None = None,
    idempotency_key: str | None = None,
    account_id: str | None = None,
    follow: Flag = False,
    common: Common = COMMON,
) -> int:
    """Start a run of a job.

    Args:
        job: The job's id.
        member: A member of the payload: name=text, or name:=JSON for a number, true, null, a list or an object.
        payload: The whole payload: JSON, @FILE, or @- for standard input.
        context: What ctx.event.context is: JSON, @FILE, or @- for standard input.
        idempotency_key: The same key again starts no other run of the job.
        account_id: The external account that the run concerns.
        follow: Show what the run does, until it has ended; exit with 1 if it ends without success.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.arguments import json_text, payload_text
        from perdure.cli.following import follow_run, warn_of_no_node
        from perdure.cli.output import Output
        from perdure.protocol.json_text import JsonText
        from perdure.protocol.task_waits import InvokeRequest

        output = Output(as_json=common.json)
        request = InvokeRequest(
            job_id=job,
            payload=payload_text(member, payload),
            context=JsonText("{}") if context is None else json_text(context, "--context"),
            idempotency_key=idempotency_key,
            account_id=account_id,
        )
        run_id = await connection.desk.invoke_job(request)
        if follow:
            return await follow_run(connection, run_id, output)
        if output.as_json:
            output.value({"id": run_id})
        else:
            output.line(run_id)
        warn_of_no_node(connection, run_id)
        return 0

    return ask(common, work)
