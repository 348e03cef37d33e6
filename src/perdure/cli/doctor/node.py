"""Looks at the node, or opens the database as a node would."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from perdure.cli.connect import connect
from perdure.cli.doctor.checks import Check
from perdure.cli.failures import message_of
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def look_at_node(database_url: str | None, *, is_there: bool) -> AsyncIterator[Check]:
    """Ask the node that commands ask; where there is none, open the database.

    Args:
        database_url: The database; ``None``: as the settings say.
        is_there: Whether there is a database, or a node at a URL.
    """
    if not is_there:
        yield Check("node", "ok", "None runs. Start one: perdure dev FILE, or run your app.")
        return
    try:
        async with connect(database_url) as connection:
            if connection.url is None:
                yield Check("node", "ok", "None runs; the database opens.")
            else:
                node = await connection.desk.get_node()
                yield Check("node", "ok", f"Process {node.pid} answers at {connection.url}.")
                own = version("perdure")
                if node.version != own:
                    text = f"The node is perdure {node.version}, this command {own}. Use one version for both."
                    yield Check("version", "warning", text)
            jobs = await connection.desk.list_jobs()
            off = [job.id for job in jobs if not job.is_enabled]
            yield Check("jobs", "ok", f"{len(jobs)} registered, {len(off)} of them switched off.")
    except PerdureError as error:
        yield Check("node", "failed", message_of(error))
