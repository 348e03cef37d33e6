"""``perdure keys``: the keys of a server's environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.cli.options import COMMON, Common, Flag

if TYPE_CHECKING:
    from perdure.cli.connect import Connection
    from perdure.protocol.administration import MadeKeyAnswer

_COLUMNS = ("key", "environment", "kind", "ends with", "created", "used", "expires")


def create_key(*, public: Flag = False, common: Common = COMMON) -> int:
    """Make a key of an environment, and show it, this once.

    Args:
        public: One that may be read by everybody, and opens only what pages in browsers may look up.
    """
    from perdure.cli.connect import ask

    async def work(connection: Connection) -> int:
        return _show(await connection.desk.create_key(is_public=public), common)

    return ask(common, work, creates=True)


def list_keys(*, common: Common = COMMON) -> int:
    """List the keys of an environment, newest first; none of them is shown whole."""
    from perdure.cli.connect import ask
    from perdure.cli.output import Output

    async def work(connection: Connection) -> int:
        found = await connection.desk.list_keys()
        output = Output(as_json=common.json)
        if output.as_json:
            output.value(found)
            return 0
        rows = [
            (
                one.id, one.environment, "public" if one.is_public else "private", one.last_four, one.created_at,
                one.used_at, one.expires_at,
            )
            for one in found
        ]  # fmt: skip
        output.table(_COLUMNS, rows, empty="This environment has no keys.")
        return 0

    return ask(common, work)


def rotate_key(key: str, /, *, overlap: str = "24h", common: Common = COMMON) -> int:
    """Make a key in place of another, which stays valid for a while, and show it, this once.

    Args:
        key: The id of the old key, as the list shows it.
        overlap: How long the old key stays valid: 24h, 90m, 0s.
    """
    from perdure.cli.arguments import parse_duration
    from perdure.cli.connect import ask

    time = parse_duration(overlap, "--overlap")

    async def work(connection: Connection) -> int:
        return _show(await connection.desk.rotate_key(key, overlap=time), common)

    return ask(common, work)


def revoke_key(key: str, /, *, common: Common = COMMON) -> int:
    """Take a key back: it opens nothing from now on.

    Args:
        key: The id of the key, as the list shows it.
    """
    from perdure.cli.connect import ask
    from perdure.cli.output import Output

    async def work(connection: Connection) -> int:
        await connection.desk.revoke_key(key)
        Output(as_json=common.json).record({"revoked": key})
        return 0

    return ask(common, work)


def _show(made: MadeKeyAnswer, common: Common) -> int:
    from perdure.cli.output import Output, note

    output = Output(as_json=common.json)
    if output.as_json:
        output.value(made)
        return 0
    output.record({"key": made.key, "environment": made.environment, "id": made.id})
    if output.for_people:
        note("Keep it now: it is shown this once.")
    return 0
