"""``perdure connections``: credentials that the server keeps for integrations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from perdure.cli.connect import Connection
    from perdure.protocol.connections import ConnectionInfo

_COLUMNS = ("connection", "integration", "account", "type", "created", "updated")
_MOST_BYTES = 1024 * 1024
"""How much of standard input is read; a token has less."""


def add_connection(
    integration: str,
    /,
    *,
    account_id: str | None = None,
    type: Literal["oauth2", "apiKey"] = "oauth2",
    scope: tuple[str, ...] = (),
    token_from: str | None = None,
    common: Common = COMMON,
) -> int:
    """Store the token of an integration, in place of the one before; it is read from standard input.

    Args:
        integration: The id that the app gives the integration.
        account_id: The external account whose runs have it; without one, runs that have no account.
        type: What the token is.
        scope: Something that it allows; may be given several times.
        token_from: The environment variable that holds the token, in place of standard input.
    """
    from perdure.cli.connect import ask
    from perdure.cli.output import Output
    from perdure.protocol.connections import NewConnection

    token = _read_token(token_from)

    async def work(connection: Connection) -> int:
        made = await connection.desk.put_connection(
            NewConnection(integration, token, account_id, type, tuple(scope) or None)
        )
        output = Output(as_json=common.json)
        if output.as_json:
            output.value(made)
        else:
            output.record({"connection": made.id, "integration": made.integration, "account": made.account_id})
        return 0

    return ask(common, work, creates=True)


def list_connections(*, common: Common = COMMON) -> int:
    """List the connections of integrations, oldest first; none of them is shown with its token."""
    from perdure.cli.connect import ask
    from perdure.cli.output import Output
    from perdure.cli.pages import MOST, collect

    async def work(connection: Connection) -> int:
        async def read(cursor: str | None, most: int) -> tuple[tuple[ConnectionInfo, ...], str | None]:
            page = await connection.desk.list_connections(cursor=cursor, take=most)
            return page.connections, page.next_cursor

        found, _ = await collect(read, take=MOST, cursor=None)
        output = Output(as_json=common.json)
        if output.as_json:
            output.value(found)
            return 0
        rows = [(one.id, one.integration, one.account_id, one.type, one.created_at, one.updated_at) for one in found]
        output.table(_COLUMNS, rows, empty="There are no connections.")
        return 0

    return ask(common, work)


def remove_connection(id: str, /, *, common: Common = COMMON) -> int:
    """Forget a connection: executions that begin from now on wait for another one.

    Args:
        id: The id of the connection, as the list shows it.
    """
    from perdure.cli.connect import ask
    from perdure.cli.output import Output

    async def work(connection: Connection) -> int:
        await connection.desk.delete_connection(id)
        Output(as_json=common.json).record({"removed": id})
        return 0

    return ask(common, work)


def _read_token(variable: str | None) -> str:
    """Read a token from where no list of processes and no history of a shell shows it."""
    from perdure.cli.connect import surroundings
    from perdure.errors import InvalidArgumentError

    if variable is not None:
        token = surroundings().get(variable, "")
        if not token:
            raise InvalidArgumentError(f"The environment variable {variable!r:.80} is not set, or is empty.")
        return token
    if sys.stdin.isatty():
        from getpass import getpass

        token = getpass("Token: ")
    else:
        try:
            token = sys.stdin.buffer.read(_MOST_BYTES).decode()
        except UnicodeDecodeError:
            raise InvalidArgumentError("The token on standard input is not UTF-8.") from None
    token = token.removesuffix("\n").removesuffix("\r")
    if not token:
        raise InvalidArgumentError("Write the token to standard input, or name its variable by --token-from.")
    return token
