"""``perdure prune``: delete what ended long ago."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common, Flag

if TYPE_CHECKING:
    from perdure.cli.output import Output


def prune(
    *,
    older_than: str | None = None,
    dry_run: Flag = False,
    yes: Flag = False,
    common: Common = COMMON,
) -> int:
    """Delete runs that ended long ago, and events that were delivered or cancelled long ago.

    Args:
        older_than: How long ago: 30d, 12h; without it, as PERDURE_RETENTION says.
        dry_run: Only count what would be deleted.
        yes: Do not ask first, on a terminal.
    """

    from perdure.cli.output import Output

    output = Output(as_json=common.json)
    if not dry_run and not yes and output.for_people and sys.stdin.isatty() and not _agrees(older_than, output, common):
        return 1
    what = "Counting …" if dry_run else "Deleting, a little at a time …"
    return ask(common, lambda connection: _prune(connection, older_than, output, what, dry_run=dry_run))


async def _prune(connection: Connection, older_than: str | None, output: Output, what: str, *, dry_run: bool) -> int:
    with output.working(what):
        answer = await connection.desk.prune(older_than=_age(older_than, connection), dry_run=dry_run)
    output.record({"runs": answer.runs, "events": answer.events, "values": answer.values})
    return 0


def _agrees(older_than: str | None, output: Output, common: Common) -> bool:
    """Show what would be deleted and ask; no event loop runs meanwhile, so Ctrl-C is an answer, too."""
    from perdure.cli.output import note
    from perdure.cli.question import ask_yes

    ask(common, lambda connection: _prune(connection, older_than, output, "Counting …", dry_run=True))
    note("This is what would be deleted.")
    if ask_yes("Delete it? [y/N] "):
        return True
    note("Nothing was deleted.")
    return False


def _age(older_than: str | None, connection: Connection) -> timedelta:
    from perdure.cli.arguments import parse_duration
    from perdure.errors import InvalidArgumentError

    if older_than is not None:
        return parse_duration(older_than, "--older-than")
    if connection.settings.retention is None:
        raise InvalidArgumentError("PERDURE_RETENTION is forever: say what is to be deleted, such as --older-than 90d.")
    return connection.settings.retention
