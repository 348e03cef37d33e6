"""Jobs, runs and dynamic schedules, as clients of the v2 protocol handle them (sections 4.3, 4.4 and 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw
from msgspec.structs import replace

from perdure.api.answers import JsonAnswer
from perdure.api.routes import Route
from perdure.api.v2.runs import run_message
from perdure.api.v2.shapes import cancelled_runs, message_answer, not_found, unknown_is_a_bad_request
from perdure.api.v2.tasks import BODY_LIMIT, read_message
from perdure.errors import NotFoundError
from perdure.protocol.json_text import JsonText, check
from perdure.protocol.messages.answers import CancelRunsAnswer, IdAnswer, OkAnswer
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.headers import IDEMPOTENCY_KEY_HEADER
from perdure.protocol.messages.jobs import InvokeJobBody, InvokeOptions
from perdure.protocol.messages.runs import Run
from perdure.protocol.messages.schedules import (
    CronMetadata,
    CronOptions,
    IntervalMetadata,
    IntervalOptions,
    IntervalRegistration,
    RegisterScheduleAnswer,
    cron_timing,
    decode_schedule_registration,
)
from perdure.protocol.schedules import IntervalTiming, RegisterSchedule, UnregisterSchedule
from perdure.protocol.task_waits import InvokeRequest

if TYPE_CHECKING:
    from msgspec import UnsetType
    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.protocol.schedules import CronTiming


async def invoke_job(call: Call) -> Response:
    """Start a run of a job."""
    body = await read_message(call, InvokeJobBody)
    options = InvokeOptions() if body.options is UNSET else body.options
    request = InvokeRequest(
        call.part("job_id"),
        _json(body.payload),
        _json(body.context),
        None,
        None if options.account_id is UNSET else options.account_id,
        None if options.callback_url is UNSET else options.callback_url,
    )
    # Of the environment it is, and not of the job, as perdure's own keys are.
    key = call.request.headers.get(IDEMPOTENCY_KEY_HEADER)
    try:
        if key:
            run_id = await call.remote.runs.invoke_by_event(call.remote.environment_no, request, key)
        else:
            run_id = await call.desk.invoke_job(request)
        return message_answer(IdAnswer(id=run_id))
    except NotFoundError:
        raise not_found("Job not found") from None


async def cancel_runs(call: Call) -> Response:
    """Cancel the runs of a job."""
    try:
        done = await call.desk.cancel_runs_for_job(call.part("job_id"))
    except NotFoundError:
        raise not_found("Job not found") from None
    return cancelled_runs(done)


async def cancel_run(call: Call) -> Response:
    """Cancel a run; answers with its first tasks."""
    try:
        await call.desk.cancel_run(call.part("run_id"))
        run = await call.remote.get_run(call.part("run_id"))
    except NotFoundError:
        raise not_found("Run not found") from None
    return message_answer(run_message(replace(run, next_cursor=None), is_v1=False))


async def register_schedule(call: Call) -> Response:
    """Let a dynamic schedule tick under a key."""
    body = decode_schedule_registration((await call.json_text(limit=BODY_LIMIT)).encode())
    timing: IntervalTiming | CronTiming
    if isinstance(body, IntervalRegistration):
        timing = IntervalTiming(body.options.seconds)
    else:
        timing = cron_timing(body.options)
    wanted = RegisterSchedule(
        call.part("dynamic_id"),
        body.id,
        timing,
        None if body.account_id is UNSET else body.account_id,
        None if body.metadata is UNSET else JsonText(check(bytes(body.metadata))),
    )
    with unknown_is_a_bad_request():
        await call.remote.endpoints.check_known(call.part("endpoint_id"))
        made = await call.desk.register_schedule(wanted)
    shown = (
        IntervalMetadata(options=IntervalOptions(seconds=made.timing.seconds))
        if isinstance(made.timing, IntervalTiming)
        else CronMetadata(options=CronOptions(cron=made.timing.cron))
    )
    metadata = Raw(b"null" if made.metadata is None else made.metadata.encode())
    return message_answer(RegisterScheduleAnswer(id=made.key, schedule=shown, metadata=metadata, active=made.is_active))


async def unregister_schedule(call: Call) -> Response:
    """Let a dynamic schedule tick no more under a key."""
    unwanted = UnregisterSchedule(call.part("dynamic_id"), call.part("key"))
    with unknown_is_a_bad_request():
        await call.remote.endpoints.check_known(call.part("endpoint_id"))
        await call.desk.unregister_schedule(unwanted)
    return JsonAnswer(encode_message(OkAnswer()))


def _json(text: Raw | UnsetType) -> JsonText:
    return JsonText("{}") if text is UNSET else JsonText(check(bytes(text)))


_SCHEDULES = "/api/v1/{endpoint_id}/schedules/{dynamic_id}/registrations"

ROUTES = (
    Route(
        method="POST", path="/api/v1/jobs/{job_id}/invoke", handler=invoke_job, summary="Start a run of a job",
        body=InvokeJobBody, answer=IdAnswer, errors=(404, 409), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/jobs/{job_id}/cancel-runs", handler=cancel_runs,
        summary="Cancel the runs of a job", answer=CancelRunsAnswer, errors=(404,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/runs/{run_id}/cancel", handler=cancel_run, summary="Cancel a run", answer=Run,
        errors=(404,), has_v2_form=True,
    ),
    Route(
        method="POST", path=_SCHEDULES, handler=register_schedule,
        summary="Let a dynamic schedule tick under a key", body=IntervalRegistration, answer=RegisterScheduleAnswer,
        errors=(400,), has_v2_form=True,
    ),
    Route(
        method="DELETE", path=f"{_SCHEDULES}/{{key}}", handler=unregister_schedule,
        summary="Let a dynamic schedule tick no more under a key", answer=OkAnswer, errors=(400,), has_v2_form=True,
    ),
)  # fmt: skip
