"""Stored values and statuses, as clients of the v2 protocol write and read them (sections 4.3 and 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET
from starlette.responses import Response as EmptyResponse

from perdure.api.bodies import read_body
from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.api.v2.shapes import message_answer, not_found, status_records
from perdure.api.v2.tasks import read_message
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.json_text import JsonText, check
from perdure.protocol.limits import VALUE_LIMIT
from perdure.protocol.messages.run_statuses import JobRunStatusRecord, StatusUpdate
from perdure.protocol.messages.store import StoreDeleteAnswer, StoreGetAnswer, StoreSetAnswer
from perdure.protocol.state import PutStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.responses import Response

    from perdure.api.calls import Call

T = TypeVar("T")


async def get_value(call: Call) -> Response:
    """Read a value; HEAD asks only whether there is one."""
    key = call.part("key")
    if call.request.method == "HEAD":
        return EmptyResponse(status_code=200 if await _of_key(call.desk.has_value(key)) else 404)
    value = await _of_key(call.remote.texts.get(key))
    return message_answer(StoreGetAnswer(key=key, value=UNSET if value is None else value))


async def put_value(call: Call) -> Response:
    """Store a value: the body, which is any text; an empty one is how the npm package stores ``undefined``."""
    key = call.part("key")
    try:
        data = await read_body(call.request, limit=VALUE_LIMIT)
    except Refusal as refusal:
        if refusal.status == 413:
            refusal.code, refusal.sentence = "value_too_large", f"Max request body size exceeded: {VALUE_LIMIT} bytes"
        raise
    return message_answer(StoreSetAnswer(key=key, value=await _of_key(call.remote.texts.set(key, data))))


async def delete_value(call: Call) -> Response:
    """Delete a value."""
    key = call.part("key")
    return message_answer(StoreDeleteAnswer(key=key, deleted=await _of_key(call.desk.delete_value(key))))


async def _of_key(asking: Awaitable[T]) -> T:
    try:
        return await asking
    except InvalidArgumentError as error:
        issues = [{"path": ["key"], "message": error.message}]
        raise Refusal(422, "invalid_key", error.message, issues=issues) from error


async def put_status(call: Call) -> Response:
    """Create a status of a run, or change it."""
    body = await read_message(call, StatusUpdate)
    put = PutStatus(
        call.part("key"),
        None if body.label is UNSET else body.label,
        None if body.state is UNSET else body.state,
        None if body.data is UNSET else JsonText(check(bytes(body.data))),
    )
    try:
        return message_answer(status_records([await call.desk.put_status(call.part("run_id"), put)])[0])
    except NotFoundError:
        raise not_found("Run not found") from None


ROUTES = (
    Route(
        method="GET", path="/api/v1/store/{key}", handler=get_value, summary="Read a stored value",
        answer=StoreGetAnswer, has_v2_form=True,
    ),
    Route(
        method="PUT", path="/api/v1/store/{key}", handler=put_value, summary="Store a value: the body",
        answer=StoreSetAnswer, has_v2_form=True,
    ),
    Route(
        method="DELETE", path="/api/v1/store/{key}", handler=delete_value, summary="Delete a stored value",
        answer=StoreDeleteAnswer, has_v2_form=True,
    ),
    Route(
        method="PUT", path="/api/v1/runs/{run_id}/statuses/{key}", handler=put_status,
        summary="Create a status of a run, or change it", body=StatusUpdate, answer=JobRunStatusRecord,
        errors=(404,), has_v2_form=True,
    ),
)  # fmt: skip
