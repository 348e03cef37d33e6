"""Schedules: list, register with dynamic ones, unregister."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.calls import page_of
from perdure.api.routes import CURSOR, Route, take
from perdure.protocol.api_bodies import Registration
from perdure.protocol.management import SchedulePageAnswer
from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def list_schedules(call: Call) -> Response:
    """List a page of schedules, oldest first."""
    return answer(await call.desk.list_schedules(**page_of(call)))


async def register(call: Call) -> Response:
    """Let a dynamic schedule tick under a key."""
    body = await call.body(Registration)
    wanted = RegisterSchedule(call.part("dynamic_id"), body.key, body.timing, body.account_id, body.metadata)
    return answer(await call.desk.register_schedule(wanted))


async def unregister(call: Call) -> Response:
    """Let a dynamic schedule tick no more under a key."""
    return answer(await call.desk.unregister_schedule(UnregisterSchedule(call.part("dynamic_id"), call.part("key"))))


ROUTES = (
    Route(
        method="GET", path="/api/schedules", handler=list_schedules,
        summary="List schedules with their next ticks, oldest first", answer=SchedulePageAnswer,
        query=(CURSOR, take("schedules")),
    ),
    Route(
        method="PUT", path="/api/schedules/{dynamic_id}/registrations", handler=register,
        summary="Let a dynamic schedule tick under a key, in place of how it ticked before", body=Registration,
        answer=ScheduleAnswer, errors=(404,),
    ),
    Route(
        method="DELETE", path="/api/schedules/{dynamic_id}/registrations/{key}", handler=unregister,
        summary="Let a dynamic schedule tick no more under a key", answer=ScheduleAnswer, errors=(404,),
    ),
)  # fmt: skip
