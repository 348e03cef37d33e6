"""Tasks, as endpoints of the v2 protocol create, complete and fail them (section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import UNSET

from perdure.api.answers import JsonAnswer
from perdure.api.callers import read_epoch
from perdure.api.refusals import Refusal, refusal_of, unfit
from perdure.api.routes import Route
from perdure.api.v2.shapes import message_answer, not_found
from perdure.engine.asked_tasks import check_key
from perdure.engine.task_outputs import given_error
from perdure.errors import InvalidArgumentError, JsonError, NotFoundError, RunError, ValueTooLargeError
from perdure.protocol.json_text import MAX_NODES, JsonText, check, check_part, load
from perdure.protocol.messages.codec import MessageShapeError, decode_message, decode_request, encode_message
from perdure.protocol.messages.headers import (
    CACHED_TASKS_CURSOR_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    LAZY_CACHED_TASKS_VERSION,
    NATIVE_HEADER,
    SERIALIZED_OUTPUT_VERSION,
    VERSION_HEADER,
)
from perdure.protocol.messages.tasks import (
    CachedTasksPage,
    CompleteTaskBody,
    CompleteTaskRawBody,
    CreateTaskAnswer,
    CreateTaskBody,
    FailTaskBody,
    ServerTask,
)
from perdure.transport.execution_answer import error_info

if TYPE_CHECKING:
    from collections.abc import Container

    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.engine.remote_desk import RemoteDesk
    from perdure.protocol.execution import ErrorInfo

T = TypeVar("T")

BODY_LIMIT = 8 * 1024 * 1024
"""How many bytes the body of a call of a task may have: its output travels as text inside JSON."""

DEPTH = 4
"""How deep a message is around the JSON that it carries."""

_NODES = BODY_LIMIT
"""How many values its params and its output may have: as many as their size allows, as in an app in Python."""

_SHOWN = ("icon", "description", "properties", "style", "redact", "connectionKey")
"""What is only shown of a task; it is stored as JSON, with every character that it has."""

_SHOWN_KEY = ("displayKey",)
"""Its cache key as it is shown, in Python too: what is compared is the hash of the key."""

_LASTING = (400, 413, 422)
"""With what a request is refused that would be refused again."""

_BROKEN_OFF = "bad_request"


async def create_task(call: Call) -> Response:
    """Create a task; one that is there under its idempotency key is answered unchanged."""
    try:
        return await _create_task(call)
    except (Refusal, JsonError, MessageShapeError, RunError) as error:
        refusal = refusal_of(error, "")
        if refusal.status in _LASTING and refusal.code != _BROKEN_OFF:
            call.remote.tasks.note_refusal(call.remote.environment_no, call.part("run_id"), refusal.sentence)
        raise


async def _create_task(call: Call) -> Response:
    remote = call.remote
    key = call.request.headers.get(IDEMPOTENCY_KEY_HEADER, "")
    if not key:
        raise Refusal(400, "missing_idempotency_key", "Invalid or Missing idempotency key")
    body = await read_message(call, CreateTaskBody, max_nodes=_NODES, keeps=_SHOWN, replaces=_SHOWN_KEY)
    if key != body.idempotency_key:
        raise Refusal(400, "invalid_idempotency_key", "The idempotency keys of header and body differ.")
    run_id = call.part("run_id")
    try:
        check_key(key)
    except InvalidArgumentError as error:
        raise Refusal(400, "invalid_idempotency_key", error.message) from error
    try:
        task = await remote.tasks.create(remote.environment_no, run_id, body, epoch=read_epoch(call.request))
    except InvalidArgumentError as error:
        raise unfit("parentId", error.message) from error
    except NotFoundError as error:
        raise not_found(error.message) from error
    shown = remote.show(task, is_native=is_native(call))
    if call.request.headers.get(VERSION_HEADER) != LAZY_CACHED_TASKS_VERSION:
        return message_answer(shown)
    cursor = call.request.headers.get(CACHED_TASKS_CURSOR_HEADER, "")
    page: Any = UNSET if not cursor else await _page(remote, run_id, cursor)
    answer = CreateTaskAnswer(task=shown, cached_tasks=page)
    return JsonAnswer(encode_message(answer), headers={VERSION_HEADER: LAZY_CACHED_TASKS_VERSION})


async def complete_task(call: Call) -> Response:
    """Complete a task; one that has its outcome is answered unchanged."""
    remote = call.remote
    if call.request.headers.get(VERSION_HEADER) == SERIALIZED_OUTPUT_VERSION:
        body = await read_message(call, CompleteTaskBody, keeps=(*_SHOWN, "output"))
        output = None if body.output is UNSET else JsonText(check(body.output, max_nodes=_NODES))
        properties = body.properties
    else:
        raw_body = await read_message(call, CompleteTaskRawBody, max_nodes=_NODES, keeps=_SHOWN)
        output = JsonText("{}" if raw_body.output is UNSET else check_part(bytes(raw_body.output)))
        properties = raw_body.properties
    shown = None if properties is UNSET else JsonText(encode_message(properties).decode())
    return await _settled(
        call,
        remote.tasks.complete(
            remote.environment_no, call.part("run_id"), call.part("task_id"), output=output, properties=shown,
            epoch=read_epoch(call.request),
        ),
    )  # fmt: skip


async def fail_task(call: Call) -> Response:
    """Fail a task; one that has its outcome is answered unchanged."""
    remote = call.remote
    error = await _read_failure(call)
    return await _settled(
        call,
        remote.tasks.fail(
            remote.environment_no, call.part("run_id"), call.part("task_id"), error=error,
            epoch=read_epoch(call.request),
        ),
    )  # fmt: skip


async def _read_failure(call: Call) -> ErrorInfo:
    """Read what a task failed with.

    An endpoint of the v2 protocol hands on what another task of the run has failed with, and that may be any JSON: the
    body that a request was refused with.
    """
    data = await call.json_bytes(limit=BODY_LIMIT, depth=DEPTH)
    try:
        return error_info(decode_message(data, FailTaskBody).error)
    except (MessageShapeError, JsonError):
        body: Any = load(data.decode())
        given = cast("dict[str, Any]", body).get("error") if isinstance(body, dict) else None
        is_handed_on = given is not None and not is_native(call)
        if not is_handed_on or not await call.remote.tasks.has_failed_task(
            call.remote.environment_no, call.part("run_id")
        ):
            raise
        return given_error(given)


async def read_message(
    call: Call,
    kind: type[T],
    *,
    max_nodes: int = MAX_NODES,
    keeps: Container[str | int] = (),
    replaces: Container[str | int] = (),
) -> T:
    """Read the body as a message of the protocol; members that it has not are tolerated (section 4.0)."""
    data = await call.json_bytes(limit=BODY_LIMIT, depth=DEPTH, max_nodes=max_nodes)
    return cast("T", decode_request(data, kind, keeps=keeps, replaces=replaces))


async def _settled(call: Call, settling: Any) -> Response:
    try:
        return message_answer(call.remote.show(await settling, is_native=is_native(call)))
    except ValueTooLargeError as error:
        raise Refusal(413, "output_too_large", error.message) from error
    except NotFoundError as error:
        raise not_found(error.message) from error


async def _page(remote: RemoteDesk, run_id: str, cursor: str) -> CachedTasksPage:
    from perdure.engine.server_tasks import cached_task

    tasks, beyond = await remote.tasks.list_completed(remote.environment_no, run_id, cursor=cursor)
    return CachedTasksPage(tasks=[cached_task(task) for task in tasks], cursor=UNSET if beyond is None else beyond)


def is_native(call: Call) -> bool:
    """Say whether an app of perdure's asks, and no client of the v2 protocol."""
    return NATIVE_HEADER in call.request.headers


_PATH = "/api/v1/runs/{run_id}/tasks"

ROUTES = (
    Route(
        method="POST", path=_PATH, handler=create_task, summary="Create a task of a run", body=CreateTaskBody,
        answer=CreateTaskAnswer, errors=(400, 404, 409), has_v2_form=True,
    ),
    Route(
        method="POST", path=f"{_PATH}/{{task_id}}/complete", handler=complete_task, summary="Complete a task",
        body=CompleteTaskBody, answer=ServerTask, errors=(404, 409), has_v2_form=True,
    ),
    Route(
        method="POST", path=f"{_PATH}/{{task_id}}/fail", handler=fail_task, summary="Fail a task", body=FailTaskBody,
        answer=ServerTask, errors=(404, 409), has_v2_form=True,
    ),
)  # fmt: skip
