"""``perdure events``: send events, list them, show one, cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common, Flag

if TYPE_CHECKING:
    from perdure.cli.output import Output
    from perdure.protocol.events import EventAnswer

COLUMNS = ("event", "name", "state", "at", "source")


def send_event(
    name: str,
    /,
    *member: str,
    payload: str | None = None,
    id: str | None = None,
    context: str | None = None,
    source: str = "trigger.dev",
    timestamp: str | None = None,
    deliver_at: str | None = None,
    deliver_after: str | None = None,
    account_id: str | None = None,
    common: Common = COMMON,
) -> int:
    """Send an event, which starts runs of the jobs that listen to it.

    Args:
        name: The event's name.
        member: A member of the payload: name=text, or name:=JSON for a number, true, null, a list or an object.
        payload: The whole payload: JSON, @FILE, or @- for standard input.
        id: Names the event: the same id again is the same event.
        context: What ctx.event.context is: JSON, @FILE, or @- for standard input.
        source: Where it comes from.
        timestamp: When it happened, such as 2027-01-31T09:00:00Z.
        deliver_at: When it is delivered, such as 2027-01-31T09:00:00Z.
        deliver_after: After what time it is delivered: 30s, 5m, 2h, 7d.
        account_id: The external account that it concerns.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.arguments import json_text, parse_duration, parse_instant, payload_text
        from perdure.cli.output import Output, note
        from perdure.errors import InvalidArgumentError
        from perdure.protocol.events import EventOptions, EventRequest
        from perdure.protocol.json_text import JsonText

        if deliver_at is not None and deliver_after is not None:
            raise InvalidArgumentError("An event takes --deliver-at or --deliver-after, not both.")
        request = EventRequest(
            name=name,
            payload=payload_text(member, payload),
            id=id,
            context=JsonText("{}") if context is None else json_text(context, "--context"),
            source=source,
            timestamp=None if timestamp is None else parse_instant(timestamp, "--timestamp"),
        )
        delay = None if deliver_after is None else parse_duration(deliver_after, "--deliver-after").total_seconds()
        at = None if deliver_at is None else parse_instant(deliver_at, "--deliver-at")
        options = EventOptions(deliver_at=at, deliver_after=delay, account_id=account_id)
        (event,) = await connection.desk.send_events([request], options)
        _show(event, Output(as_json=common.json))
        if connection.url is None:
            note("No node runs here: what it starts begins when one is started, such as `perdure dev FILE`.")
        return 0

    return ask(common, work)


def list_events(
    *,
    name: str | None = None,
    pending: Flag = False,
    internal: Flag = False,
    take: int = 20,
    cursor: str | None = None,
    common: Common = COMMON,
) -> int:
    """List events, newest first.

    Args:
        name: Only those of this name.
        pending: Only those whose delivery lies ahead.
        internal: Also those that perdure makes itself, for ticks of schedules and invocations.
        take: How many.
        cursor: Where to go on: next_cursor of the list before.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.event_lists import list_matching
        from perdure.cli.output import Output
        from perdure.protocol.management import EventFilter

        return await list_matching(
            connection,
            Output(as_json=common.json),
            EventFilter(name, pending, internal),
            take=take,
            cursor=cursor,
            columns=COLUMNS,
            row_of=_row,
            empty="There are no such events.",
        )

    return ask(common, work)


def show_event(event_id: str, /, *, common: Common = COMMON) -> int:
    """Show an event, with the runs that it started.

    Args:
        event_id: The event's id.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.cli.unknown import with_nearest_event

        output = Output(as_json=common.json)
        async with with_nearest_event(connection.desk, event_id):
            found = await connection.desk.get_event(event_id)
        if output.as_json:
            from perdure.sdk.answers import details_of

            output.value(details_of(found))
            return 0
        output.record(_members(found.event) | {"created": found.created_at, "updated": found.updated_at})
        if output.for_people and found.runs:
            output.line("")
        rows = [(run.id, run.job_id, run.status, run.started_at, run.completed_at) for run in found.runs]
        if rows:
            lead = () if output.for_people else ("run",)
            output.table(
                (*lead, "run", "job", "status", "started", "completed"), [(*lead, *row) for row in rows], empty=""
            )
        return 0

    return ask(common, work)


def cancel_event(event_id: str, /, *, common: Common = COMMON) -> int:
    """Cancel an event that is to be delivered later.

    Args:
        event_id: The event's id.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.cli.unknown import with_nearest_event

        async with with_nearest_event(connection.desk, event_id):
            event = await connection.desk.cancel_event(event_id)
        _show(event, Output(as_json=common.json))
        return 0

    return ask(common, work)


def _show(event: EventAnswer, output: Output) -> None:
    if output.as_json:
        from perdure.sdk.answers import record_of

        output.value(record_of(event))
    else:
        output.record(_members(event))


def _row(event: EventAnswer) -> tuple[Any, ...]:
    at = event.cancelled_at or event.delivered_at or event.deliver_at
    return (event.id, event.name, _state(event), at, event.source)


def _state(event: EventAnswer) -> str:
    if event.cancelled_at is not None:
        return "CANCELLED"
    return "PENDING" if event.delivered_at is None else "DELIVERED"


def _members(event: EventAnswer) -> dict[str, Any]:
    return {
        "id": event.id,
        "name": event.name,
        "state": _state(event),
        "payload": event.payload,
        "context": None if event.context == "{}" else event.context,
        "source": event.source,
        "timestamp": event.timestamp,
        "deliver at": event.deliver_at,
        "delivered": event.delivered_at,
        "cancelled": event.cancelled_at,
        "account": event.account_id,
    }
