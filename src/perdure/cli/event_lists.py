"""A list of events, a page of it at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.cli.connect import Connection
    from perdure.cli.output import Output
    from perdure.protocol.events import EventAnswer
    from perdure.protocol.management import EventFilter


async def list_matching(
    connection: Connection,
    output: Output,
    chosen: EventFilter,
    *,
    take: int,
    cursor: str | None,
    columns: Sequence[str],
    row_of: Callable[[EventAnswer], Sequence[Any]],
    empty: str,
) -> int:
    """Print the newest events that match.

    Args:
        connection: What is asked.
        output: Where they are printed.
        chosen: Which.
        take: How many.
        cursor: Where to go on.
        columns: The heads of the table.
        row_of: Gives an event's cells.
        empty: What a terminal shows if there are none.

    Returns:
        The exit status.
    """
    from perdure.cli.output import note
    from perdure.cli.pages import collect
    from perdure.sdk.answers import record_of

    async def read(at: str | None, size: int) -> tuple[tuple[EventAnswer, ...], str | None]:
        page = await connection.desk.list_events(chosen, cursor=at, take=size)
        return page.events, page.next_cursor

    with output.working("Looking through the events …"):
        events, following = await collect(read, take=take, cursor=cursor)
    if output.as_json:
        output.value({"events": [record_of(event) for event in events], "next_cursor": following})
        return 0
    output.table(columns, [row_of(event) for event in events], empty=empty)
    if following is not None and output.for_people:
        note(f"There are more: --take {take * 5}, or --cursor {following}.")
    return 0
