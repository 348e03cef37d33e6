"""Stored values: list their keys, read, store, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.api.answers import JsonAnswer, answer
from perdure.api.calls import BODY_LIMIT, page_of
from perdure.api.refusals import Refusal
from perdure.api.routes import CURSOR, Parameter, Route, take
from perdure.protocol.api_bodies import Deleted, Stored
from perdure.protocol.json_text import JsonText
from perdure.protocol.management import ValuePageAnswer

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def list_values(call: Call) -> Response:
    """List a page of keys, in their order."""
    prefix = call.text("prefix")
    page = page_of(call)
    return answer(await call.desk.list_values(prefix="" if prefix is None else prefix, **page))


async def get_value(call: Call) -> Response:
    """Answer with a value, as it was stored; HEAD asks only whether there is one."""
    key = call.part("key")
    if call.request.method == "HEAD":
        value = JsonText("") if await call.desk.has_value(key) else None
    else:
        value = await call.desk.get_value(key)
    if value is None:
        raise Refusal(404, "not_found", f"There is no value {key!r:.600} in this environment.")
    return JsonAnswer(value.encode())


async def put_value(call: Call) -> Response:
    """Store a value."""
    key = call.part("key")
    await call.desk.set_value(key, JsonText(await call.json_text(limit=BODY_LIMIT)))
    return answer(Stored(key))


async def delete_value(call: Call) -> Response:
    """Delete a value."""
    return answer(Deleted(await call.desk.delete_value(call.part("key"))))


ROUTES = (
    Route(
        method="GET", path="/api/store", handler=list_values, summary="List the keys of stored values, in their order",
        answer=ValuePageAnswer,
        query=(Parameter("prefix", str, "Only keys that begin so."), CURSOR, take("keys")),
    ),
    Route(
        method="GET", path="/api/store/{key}", handler=get_value, summary="Read a stored value", errors=(404,),
    ),
    Route(
        method="PUT", path="/api/store/{key}", handler=put_value, summary="Store a value: the body", body=Any,
        answer=Stored,
    ),
    Route(
        method="DELETE", path="/api/store/{key}", handler=delete_value, summary="Delete a stored value",
        answer=Deleted,
    ),
)  # fmt: skip
