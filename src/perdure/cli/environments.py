"""``perdure env``: the environments of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from perdure.cli.connect import Connection

Kind = Literal["development", "staging", "production", "preview"]

_COLUMNS = ("environment", "type", "created", "id")


def create_environment(name: str, /, *, type: Kind | None = None, common: Common = COMMON) -> int:
    """Create an environment.

    Args:
        name: Its name, of small letters; dev, stg, prod and prev say what type they are of.
        type: What type it is of.
    """
    from perdure.cli.connect import ask
    from perdure.cli.output import Output
    from perdure.protocol.statuses import EnvironmentType

    async def work(connection: Connection) -> int:
        kind = None if type is None else EnvironmentType(type.upper())
        made = await connection.desk.create_environment(name, kind)
        output = Output(as_json=common.json)
        if output.as_json:
            output.value(made)
        else:
            output.record({"environment": made.slug, "type": made.type, "id": made.id})
        return 0

    return ask(common, work, creates=True)


def list_environments(*, common: Common = COMMON) -> int:
    """List the environments of a server, or of a database."""
    from perdure.cli.connect import ask
    from perdure.cli.output import Output

    async def work(connection: Connection) -> int:
        found = await connection.desk.list_environments()
        output = Output(as_json=common.json)
        if output.as_json:
            output.value(found)
            return 0
        rows = [(one.slug, one.type, one.created_at, one.id) for one in found]
        output.table(_COLUMNS, rows, empty="There are no environments.")
        return 0

    return ask(common, work)
