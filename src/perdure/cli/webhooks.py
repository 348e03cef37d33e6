"""``perdure webhooks``: where requests from outside go, what has come, and having it come again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from perdure.protocol.events import EventAnswer

COLUMNS = ("event", "endpoint", "method", "at", "bytes")


def list_urls(*, common: Common = COMMON) -> int:
    """List the HTTP endpoints that apps declare, with their URLs: whoever knows one may send to it."""

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output, note

        output = Output(as_json=common.json)
        found = await connection.desk.list_http_endpoints()
        if output.as_json:
            output.value({"http_endpoints": [_shown(one) for one in found]})
            return 0
        rows = [(one.id, one.source, one.url) for one in found]
        output.table(("endpoint", "source", "url"), rows, empty="No app declares an HTTP endpoint.")
        if rows and connection.url is None:
            note("No node runs here: the URLs begin with that of the node that will.")
        return 0

    return ask(common, work)


def list_requests(*, take: int = 20, cursor: str | None = None, common: Common = COMMON) -> int:
    """List the requests that HTTP endpoints have received, newest first.

    Args:
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
            EventFilter(is_request=True),
            take=take,
            cursor=cursor,
            columns=COLUMNS,
            row_of=_row,
            empty="No request has come.",
        )

    return ask(common, work)


def replay_requests(event_id: str, /, *more: str, common: Common = COMMON) -> int:
    """Take in requests once more that HTTP endpoints have received: they start runs as they would now.

    Args:
        event_id: The event that a request is.
        more: Further ones.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.cli.unknown import with_nearest_event
        from perdure.sdk.answers import record_of

        output, events = Output(as_json=common.json), list[Any]()
        for one in (event_id, *more):
            async with with_nearest_event(connection.desk, one):
                events.append(await connection.desk.replay_request(one))
        if output.as_json:
            output.value({"events": [record_of(event) for event in events]})
        else:
            output.table(COLUMNS, [_row(event) for event in events], empty="")
        return 0

    return ask(common, work)


def _row(event: EventAnswer) -> tuple[Any, ...]:
    from perdure.protocol.received import EVENT_PREFIX, request_of

    request = request_of(event.payload)
    method, size = ("", 0) if request is None else (request.method, len(request.body))
    return (event.id, event.name.removeprefix(EVENT_PREFIX), method, event.timestamp, size)


def _shown(endpoint: Any) -> dict[str, str]:
    return {name: getattr(endpoint, name) for name in ("id", "url", "source", "endpoint_id")}
