"""Stored values, statuses and schedules, over HTTP."""

from __future__ import annotations

from perdure.protocol.api_bodies import ChangeStatus, Deleted, Registration, Stored
from perdure.protocol.api_json import encode
from perdure.protocol.json_text import JsonText
from perdure.protocol.management import SchedulePageAnswer, ValuePageAnswer
from perdure.protocol.runs import RunAnswer
from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule
from perdure.protocol.state import PutStatus, StatusAnswer
from perdure.transport.http_part import HttpPart
from perdure.transport.node_errors import error_of, read_refusal
from perdure.transport.node_link import path_of
from perdure.transport.node_request import NodeRequest


class HttpState(HttpPart):
    """Reads and stores values, shows statuses, registers schedules."""

    async def get_value(self, key: str) -> JsonText | None:
        """Look a value up."""
        body = await self._find("GET", key)
        return None if body is None else JsonText(body.decode())

    async def has_value(self, key: str) -> bool:
        """Whether there is a value."""
        return await self._find("HEAD", key) is not None

    async def set_value(self, key: str, value: JsonText) -> None:
        """Store a value; returns when it is durable."""
        await self._link.ask(NodeRequest("PUT", path_of("store", key), value.encode()), Stored)

    async def delete_value(self, key: str) -> bool:
        """Delete a value; whether there was one when the request came that was answered."""
        return (await self._link.ask(NodeRequest("DELETE", path_of("store", key)), Deleted)).deleted

    async def list_values(self, *, prefix: str = "", cursor: str | None = None, take: int = 20) -> ValuePageAnswer:
        """List a page of the keys of stored values."""
        return await self._get(ValuePageAnswer, "store", prefix=prefix or None, cursor=cursor, take=take)

    async def put_status(self, run_id: str, call: PutStatus) -> StatusAnswer:
        """Create a status of a run or change it, whether the run has ended or not."""
        body = encode(ChangeStatus(call.label, call.state, call.data))
        return await self._link.ask(
            NodeRequest("PUT", path_of("runs", run_id, "statuses", call.key), body), StatusAnswer
        )

    async def get_run_statuses(self, run_id: str) -> RunAnswer:
        """Look a run up with its statuses, without its tasks and its log."""
        return await self._get(RunAnswer, "runs", run_id, "statuses")

    async def register_schedule(self, call: RegisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick under a key, in place of how it ticked before."""
        body = encode(Registration(call.key, call.timing, call.account_id, call.metadata))
        path = path_of("schedules", call.dynamic_id, "registrations")
        return await self._link.ask(NodeRequest("PUT", path, body), ScheduleAnswer)

    async def unregister_schedule(self, call: UnregisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick no more under a key."""
        path = path_of("schedules", call.dynamic_id, "registrations", call.key)
        return await self._link.ask(NodeRequest("DELETE", path), ScheduleAnswer)

    async def list_schedules(self, *, cursor: str | None = None, take: int = 20) -> SchedulePageAnswer:
        """List a page of schedules with their next ticks, oldest first."""
        return await self._get(SchedulePageAnswer, "schedules", cursor=cursor, take=take)

    async def _find(self, method: str, key: str) -> bytes | None:
        reply, target = await self._link.send(NodeRequest(method, path_of("store", key)))
        if reply.is_native and reply.status == 404:
            return None
        if reply.status >= 400 or not reply.is_native:
            raise error_of(reply.status, read_refusal(reply.body), url=target.url)
        return reply.body
