"""``perdure prune``: delete what ended long ago."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common


def prune(
    *,
    older_than: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
    common: Common = COMMON,
) -> int:
    """Delete runs that ended long ago, and events that were delivered or cancelled long ago.

    Args:
        older_than: How long ago: 30d, 12h; without it, as PERDURE_RETENTION says.
        dry_run: Only count what would be deleted.
        yes: Do not ask first, on a terminal.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output, note
        from perdure.cli.text import duration_text

        age = _age(older_than, connection)
        output, desk = Output(as_json=common.json), connection.desk
        if not dry_run and not yes and sys.stdin.isatty() and output.for_people:
            with output.working("Counting what would be deleted …"):
                counted = await desk.prune(older_than=age, dry_run=True)
            note(
                f"This deletes {counted.runs:,} runs, {counted.events:,} events and {counted.values:,} stored values "
                f"that are older than {duration_text(age)}."
            )
            if input("Delete them? [y/N] ").strip().lower() not in ("y", "yes"):
                note("Nothing was deleted.")
                return 1
        with output.working("Counting …" if dry_run else "Deleting, a little at a time …"):
            deleted = await desk.prune(older_than=age, dry_run=dry_run)
        output.record({"runs": deleted.runs, "events": deleted.events, "values": deleted.values})
        return 0

    return ask(common, work)


def _age(older_than: str | None, connection: Connection) -> timedelta:
    from perdure.cli.arguments import parse_duration
    from perdure.errors import InvalidArgumentError

    if older_than is not None:
        return parse_duration(older_than, "--older-than")
    if connection.settings.retention is None:
        raise InvalidArgumentError("PERDURE_RETENTION is forever: say what is to be deleted, such as --older-than 90d.")
    return connection.settings.retention
