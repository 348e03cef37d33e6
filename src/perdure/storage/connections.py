"""Connections: credentials that the server keeps for integrations, and the runs that wait for one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.connections import CredentialType
from perdure.storage.instants import from_ms, to_ms
from perdure.storage.json_lists import number_list, text_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.storage.interface import Session


class ConnectionRow(Struct, frozen=True, gc=False):
    """A connection; ``account_id=None``: of the whole environment. ``sealed`` is its credential, encrypted."""

    number: int
    id: str
    integration: str
    account_id: str | None
    type: CredentialType
    sealed: bytes
    created_at: datetime
    updated_at: datetime


async def put(
    tx: Session,
    environment_no: int,
    *,
    id: str,
    integration: str,
    account_id: str | None,
    type: CredentialType,
    sealed: bytes,
    now: datetime,
) -> ConnectionRow:
    """Store a connection in place of the one that its integration and account had, whose id it keeps."""
    row = await tx.one("put_connection", environment_no, id, integration, account_id or "", type, sealed, to_ms(now))
    return _read(row)


async def find(tx: Session, environment_no: int, *, id: str) -> ConnectionRow | None:
    """Look a connection up."""
    row = await tx.one("find_connection", id, environment_no)
    return None if row is None else _read(row)


async def list_of_account(
    tx: Session, environment_no: int, *, account_id: str | None, integrations: Sequence[str]
) -> list[ConnectionRow]:
    """List the connections of an account, or without one of the environment, to these integrations."""
    rows = await tx.all("list_connections_of_account", environment_no, account_id or "", text_list(integrations))
    return [_read(row) for row in rows]


async def list_page(tx: Session, environment_no: int, *, first: int, limit: int) -> list[ConnectionRow]:
    """List connections from the one of that number on, oldest first."""
    return [_read(row) for row in await tx.all("list_connections", environment_no, first, limit)]


async def delete(tx: Session, environment_no: int, *, id: str) -> bool:
    """Delete a connection; whether there was one."""
    return await tx.run("delete_connection", id, environment_no) == 1


async def await_if_executing(
    tx: Session,
    run_no: int,
    *,
    epoch: int,
    environment_no: int,
    account_id: str | None,
    lacking: Sequence[str],
    why: str,
    now: datetime,
) -> bool:
    """Let a run wait for connections that it lacks, of its account or of none; whether the execution still held it."""
    if await tx.run("await_connections_if_executing", to_ms(now), why, run_no, epoch) != 1:
        return False
    # What it lacked before it was cancelled and let go on.
    await tx.run("forget_lacking", number_list([run_no]))
    for integration in lacking:
        await tx.run("keep_lacking", run_no, integration, environment_no, account_id or "")
    return True


async def queue_some_unconnected(
    tx: Session, environment_no: int, *, after: int, limit: int, now: datetime
) -> list[tuple[int, str]]:
    """Put runs back in line that wait for connections, so many at most after the one of a number; numbers and ids."""
    return await _queued(tx, await tx.all("queue_some_unconnected", to_ms(now), environment_no, after, limit))


async def queue_some_connected(
    tx: Session, environment_no: int, *, integration: str, account_id: str | None, after: int, limit: int, now: datetime
) -> list[tuple[int, str]]:
    """Put runs back in line that lacked a connection and lack no other one.

    Args:
        tx: An open write transaction.
        environment_no: Where they are.
        integration: What it is a connection to.
        account_id: The account that it is of; ``None``: of none.
        after: The number of the run after which to begin.
        limit: How many at most.
        now: The engine clock's time.

    Returns:
        Their numbers and ids.
    """
    args = (to_ms(now), environment_no, integration, account_id or "", after, limit)
    return await _queued(tx, await tx.all("queue_some_connected", *args))


async def _queued(tx: Session, rows: Sequence[Any]) -> list[tuple[int, str]]:
    queued = [cast("tuple[int, str]", row) for row in rows]
    if queued:
        await tx.run("forget_lacking", number_list([run_no for run_no, _ in queued]))
    return queued


def _read(row: Any) -> ConnectionRow:
    number, connection_id, integration, account, kind, sealed, created, updated = row
    return ConnectionRow(
        number, connection_id, integration, account or None, kind, sealed, from_ms(created), from_ms(updated)
    )
