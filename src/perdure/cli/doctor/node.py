"""Looks at the node, or opens the database as a node would."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from perdure.cli.connect import connect
from perdure.cli.doctor.checks import Check
from perdure.cli.failures import message_of
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_KINDS = {
    "api_keys": "API keys",
    "connections": "connections",
    "sources": "secrets of webhooks",
    "requests": "requests under way",
}


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
            node = await connection.desk.get_node()
            if connection.url is None:
                yield Check("node", "ok", "None runs; the database opens.")
            else:
                yield Check("node", "ok", f"Process {node.pid} answers at {connection.url}.")
                own = version("perdure")
                if node.version != own:
                    text = f"The node is perdure {node.version}, this command {own}. Use one version for both."
                    yield Check("version", "warning", text)
            if node.unreadable:
                yield Check("secret key", "failed", _say_unreadable(node.unreadable))
            jobs = await connection.desk.list_jobs()
            off = [job.id for job in jobs if not job.is_enabled]
            yield Check("jobs", "ok", f"{len(jobs)} registered, {len(off)} of them switched off.")
    except PerdureError as error:
        yield Check("node", "failed", message_of(error))


def _say_unreadable(unreadable: Mapping[str, int]) -> str:
    found = ", ".join(f"{count} of the {_KINDS.get(kind, kind)}" for kind, count in unreadable.items())
    return (
        f"{found} cannot be decrypted: PERDURE_SECRET_KEY, or the key file beside the database, was lost or is not the "
        "one that they were stored with. Bring it back, from a backup, and start the node again. If it is gone: "
        "perdure keys rotate, and perdure connections add for each; callback and webhook URLs that were handed out "
        "before are others now."
    )
