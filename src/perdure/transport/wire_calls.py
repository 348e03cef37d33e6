"""What job code asks of a platform of the v2 protocol beside its tasks (sections 4.1 and 4.3 to 4.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import UNSET, Raw

from perdure.errors import JsonError
from perdure.protocol.events import EventAnswer, EventDetailsAnswer, EventOptions, EventRequest, EventRunAnswer
from perdure.protocol.json_text import JsonText, check, dump
from perdure.protocol.messages.answers import IdAnswer, OkAnswer
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.events import ApiEventLog, SendEventBody, SendEventOptions, SendEventsBody, raw_event
from perdure.protocol.messages.events import EventAnswer as EventMessage
from perdure.protocol.messages.headers import IDEMPOTENCY_KEY_HEADER
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.jobs import InvokeJobBody, InvokeOptions
from perdure.protocol.messages.run_statuses import JobRunStatusRecord, StatusUpdate
from perdure.protocol.messages.schedules import (
    CronRegistration,
    IntervalOptions,
    IntervalRegistration,
    RegisterScheduleAnswer,
    cron_options,
)
from perdure.protocol.messages.store import StoreDeleteAnswer, StoreGetAnswer
from perdure.protocol.schedules import IntervalTiming, RegisterSchedule, ScheduleAnswer, UnregisterSchedule
from perdure.protocol.state import StatusAnswer
from perdure.protocol.task_waits import scoped_key
from perdure.transport.wire_request import WireRequest, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msgspec import UnsetType

    from perdure.protocol.messages.dispatchers import EphemeralDispatcherBody
    from perdure.protocol.state import PutStatus
    from perdure.protocol.task_waits import InvokeRequest
    from perdure.transport.wire_link import WireLink

T = TypeVar("T")


class WireCalls:
    """Asks a platform by the routes that any of them has.

    Args:
        link: The way to it.
        endpoint_id: The app's id, which its schedules are registered under.
    """

    def __init__(self, link: WireLink, endpoint_id: str) -> None:
        self._link = link
        self._endpoint_id = endpoint_id

    # Events.

    async def send_events(self, events: Sequence[EventRequest], options: EventOptions) -> list[EventAnswer]:
        """Send events; a v2 platform takes them one after the other."""
        sent = [raw_event(event) for event in events]
        wire = _wire_options(options)
        if len(sent) == 1:
            logs = [await self._post("/api/v1/events", SendEventBody(event=sent[0], options=wire), ApiEventLog)]
        elif sent:
            body = SendEventsBody(events=sent, options=wire)
            logs = await self._post("/api/v1/events/bulk", body, list[ApiEventLog])
        else:
            logs = []
        return [_event_answer(log, event.source, options.account_id) for log, event in zip(logs, events, strict=True)]

    async def get_event(self, event_id: str) -> EventDetailsAnswer:
        """Look an event up; a v2 platform tells little of it beside its runs."""
        path = f"/api/v2/events/{quoted(event_id)}"
        found = decode_message((await self._link.ask(WireRequest("GET", path))).body, EventMessage)
        empty = JsonText("{}")
        created, updated = found.created_at.plain(), found.updated_at.plain()
        event = EventAnswer(found.id, found.name, empty, empty, "trigger.dev", created, created, None, None, None)
        runs = tuple(
            EventRunAnswer(run.id, "", run.status, _moment(run.started_at), _moment(run.completed_at))
            for run in found.runs
        )
        return EventDetailsAnswer(event, created, updated, runs)

    async def cancel_event(self, event_id: str) -> EventAnswer:
        """Cancel an event whose delivery lies ahead."""
        path = f"/api/v1/events/{quoted(event_id)}/cancel"
        return _event_answer(await self._post(path, None, ApiEventLog), "trigger.dev", None)

    async def await_event(self, body: EphemeralDispatcherBody) -> None:
        """Have the first matching event sent to a callback URL."""
        await self._post("/api/v1/event-dispatchers/ephemeral", body, IdAnswer)

    # Runs.

    async def invoke_job(self, request: InvokeRequest) -> str:
        """Start a run of a job; its id."""
        body = InvokeJobBody(
            payload=Raw(request.payload.encode()),
            context=Raw(request.context.encode()),
            options=InvokeOptions(
                account_id=UNSET if request.account_id is None else request.account_id,
                callback_url=UNSET if request.callback_url is None else request.callback_url,
            ),
        )
        key = request.idempotency_key
        # A platform has one room for the keys of all jobs and for ids of events.
        headers = () if key is None else ((IDEMPOTENCY_KEY_HEADER, scoped_key(request.job_id, key)),)
        return (await self._post(f"/api/v1/jobs/{quoted(request.job_id)}/invoke", body, IdAnswer, headers)).id

    # State.

    async def get_value(self, key: str) -> JsonText | None:
        """Look a value up."""
        reply = await self._link.ask(WireRequest("GET", _stored(key)))
        value = decode_message(reply.body, StoreGetAnswer).value
        if value is UNSET or not value:
            return None
        try:
            return JsonText(check(value))
        except JsonError:
            # Clients in other languages may store any text.
            return JsonText(dump(value))

    async def has_value(self, key: str) -> bool:
        """Whether there is a value."""
        return (await self._link.ask(WireRequest("HEAD", _stored(key)))).status == 200

    async def set_value(self, key: str, value: JsonText) -> None:
        """Store a value."""
        await self._link.ask(WireRequest("PUT", _stored(key), value.encode(), content_type="text/plain"))

    async def delete_value(self, key: str) -> bool:
        """Delete a value; whether there was one."""
        reply = await self._link.ask(WireRequest("DELETE", _stored(key)))
        return decode_message(reply.body, StoreDeleteAnswer).deleted

    async def put_status(self, run_id: str, call: PutStatus) -> StatusAnswer:
        """Create a status of a run or change it."""
        body = StatusUpdate(
            label=UNSET if call.label is None else call.label,
            state=UNSET if call.state is None else call.state,
            data=UNSET if call.data is None else Raw(call.data.encode()),
        )
        path = f"/api/v1/runs/{quoted(run_id)}/statuses/{quoted(call.key)}"
        reply = await self._link.ask(WireRequest("PUT", path, encode_message(body)))
        status = decode_message(reply.body, JobRunStatusRecord)
        return StatusAnswer(
            status.key,
            status.label,
            None if status.state is UNSET else status.state,
            None if status.data is UNSET else JsonText(check(bytes(status.data))),
            JsonText(encode_message(status.history).decode()),
        )

    # Schedules.

    async def register_schedule(self, call: RegisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick under a key."""
        timing = call.timing
        account = UNSET if call.account_id is None else call.account_id
        metadata = UNSET if call.metadata is None else Raw(call.metadata.encode())
        body: IntervalRegistration | CronRegistration
        if isinstance(timing, IntervalTiming):
            options = IntervalOptions(seconds=timing.seconds)
            body = IntervalRegistration(id=call.key, options=options, account_id=account, metadata=metadata)
        else:
            body = CronRegistration(id=call.key, options=cron_options(timing), account_id=account, metadata=metadata)
        made = await self._post(self._schedule(call.dynamic_id), body, RegisterScheduleAnswer)
        return ScheduleAnswer(made.id, timing, call.account_id, call.metadata, made.active)

    async def unregister_schedule(self, call: UnregisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick no more under a key; a v2 platform does not tell how it ticked."""
        path = f"{self._schedule(call.dynamic_id)}/{quoted(call.key)}"
        decode_message((await self._link.ask(WireRequest("DELETE", path))).body, OkAnswer)
        return ScheduleAnswer(call.key, IntervalTiming(0), None, None, False)

    def _schedule(self, dynamic_id: str) -> str:
        return f"/api/v1/{quoted(self._endpoint_id)}/schedules/{quoted(dynamic_id)}/registrations"

    async def _post(self, path: str, body: Any, kind: type[T], headers: tuple[tuple[str, str], ...] = ()) -> T:
        data = None if body is None else encode_message(body)
        return decode_message((await self._link.ask(WireRequest("POST", path, data, headers))).body, kind)


def _stored(key: str) -> str:
    return f"/api/v1/store/{quoted(key)}"


def _wire_options(options: EventOptions) -> SendEventOptions:
    after = options.deliver_after
    return SendEventOptions(
        deliver_at=UNSET if options.deliver_at is None else Instant.not_before(options.deliver_at),
        # The protocol has whole seconds; what is late is not early.
        deliver_after=UNSET if after is None else -int(-after // 1),
        account_id=UNSET if options.account_id is None else options.account_id,
    )


def _event_answer(log: ApiEventLog, source: str, account_id: str | None) -> EventAnswer:
    return EventAnswer(
        log.id,
        log.name,
        JsonText(check(bytes(log.payload))),
        JsonText("{}") if log.context is UNSET else JsonText(check(bytes(log.context))),
        source,
        log.timestamp.plain(),
        _moment(log.deliver_at) or log.timestamp.plain(),
        _moment(log.delivered_at),
        _moment(log.cancelled_at),
        account_id,
    )


def _moment(at: Instant | UnsetType | None) -> datetime | None:
    return None if at is UNSET or at is None else at.plain()
