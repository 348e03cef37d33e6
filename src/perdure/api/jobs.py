"""Jobs: list, invoke, list and cancel their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.calls import page_of
from perdure.api.routes import CURSOR, Route, take
from perdure.protocol.api_bodies import InvokeJob, RunId
from perdure.protocol.management import JobAnswer
from perdure.protocol.runs import CancelAnswer, RunPageAnswer
from perdure.protocol.task_waits import InvokeRequest
from perdure.protocol.web_url import parse_url

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def list_jobs(call: Call) -> Response:
    """List every job that was ever registered."""
    return answer(await call.desk.list_jobs())


async def list_runs(call: Call) -> Response:
    """List a page of a job's runs, newest first."""
    return answer(await call.desk.get_runs(call.part("job_id"), **page_of(call)))


async def invoke_job(call: Call) -> Response:
    """Start a run of a job."""
    body = await call.body(InvokeJob, or_nothing=True)
    callback_url = None if body.callback_url is None else parse_url(body.callback_url).text
    request = InvokeRequest(
        call.part("job_id"), body.payload, body.context, body.idempotency_key, body.account_id, callback_url
    )
    return answer(RunId(await call.desk.invoke_job(request)))


async def cancel_runs(call: Call) -> Response:
    """Cancel the runs of a job."""
    return answer(await call.desk.cancel_runs_for_job(call.part("job_id")))


ROUTES = (
    Route(
        method="GET", path="/api/jobs", handler=list_jobs, summary="List every job that was ever registered, by id",
        answer=list[JobAnswer],
    ),
    Route(
        method="GET", path="/api/jobs/{job_id}/runs", handler=list_runs,
        summary="List a job's runs, newest first; none if it is unknown", answer=RunPageAnswer,
        query=(CURSOR, take("runs")),
    ),
    Route(
        method="POST", path="/api/jobs/{job_id}/invoke", handler=invoke_job, summary="Start a run of a job",
        body=InvokeJob, may_be_empty=True, answer=RunId, errors=(404, 409),
    ),
    Route(
        method="POST", path="/api/jobs/{job_id}/cancel-runs", handler=cancel_runs,
        summary="Cancel the runs of a job that have not ended", answer=CancelAnswer, errors=(404,),
    ),
)  # fmt: skip
