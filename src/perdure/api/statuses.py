"""Statuses that runs show: list, change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.routes import Route
from perdure.protocol.api_bodies import ChangeStatus
from perdure.protocol.runs import RunAnswer
from perdure.protocol.state import PutStatus, StatusAnswer

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def get_statuses(call: Call) -> Response:
    """Look a run up with its statuses."""
    return answer(await call.desk.get_run_statuses(call.part("run_id")))


async def put_status(call: Call) -> Response:
    """Create a status of a run, or change it."""
    body = await call.body(ChangeStatus)
    put = PutStatus(call.part("key"), body.label, body.state, body.data)
    return answer(await call.desk.put_status(call.part("run_id"), put))


ROUTES = (
    Route(
        method="GET", path="/api/runs/{run_id}/statuses", handler=get_statuses,
        summary="Look a run up with its statuses, without its tasks", answer=RunAnswer, errors=(404,),
    ),
    Route(
        method="PUT", path="/api/runs/{run_id}/statuses/{key}", handler=put_status,
        summary="Create a status of a run, or change it", body=ChangeStatus, answer=StatusAnswer, errors=(404,),
    ),
)  # fmt: skip
