"""Connections that runs wait for, and whether their apps have been told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.storage.instants import from_ms, to_ms
from perdure.storage.json_lists import text_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.storage.interface import Session


class MissingRow(Struct, frozen=True, gc=False):
    """A connection that is, or was, missing; ``account_id=None``: that of the whole environment."""

    id: str
    integration: str
    account_id: str | None
    is_told: bool
    created_at: datetime


async def note(
    tx: Session, environment_no: int, *, account_id: str | None, missing: Sequence[tuple[str, str]], now: datetime
) -> list[MissingRow]:
    """Note that connections of an account are missing: to each integration, with the id that it gets if it is new.

    Returns:
        Those that are missing; not those that have come since it was looked.
    """
    rows = [
        await tx.one("note_missing_connection", environment_no, id, integration, account_id or "", to_ms(now))
        for integration, id in missing
    ]
    return [_read(row) for row in rows if row is not None]


async def list_told(
    tx: Session, environment_no: int, *, account_id: str | None, integrations: Sequence[str]
) -> set[str]:
    """List of which of these integrations it is told that their connections are missing."""
    rows = await tx.all("list_told_missing", environment_no, account_id or "", text_list(integrations))
    return {cast("tuple[str]", row)[0] for row in rows}


async def keep_told(tx: Session, id: str) -> None:
    """Note that it is told that a connection is missing."""
    await tx.run("keep_missing_told", id)


async def resolve(tx: Session, environment_no: int, *, integration: str, account_id: str | None) -> bool:
    """Note that a connection is there; whether it was missing."""
    return await tx.run("resolve_missing_connection", environment_no, integration, account_id or "") == 1


async def list_resolved(tx: Session, environment_no: int, *, limit: int) -> list[MissingRow]:
    """List connections that were missing and are there now, of which nobody has been told."""
    return [_read(row) for row in await tx.all("list_resolved_missing", environment_no, limit)]


async def forget_resolved(tx: Session, id: str) -> None:
    """Forget a connection that is missing no more, unless it is missing again."""
    await tx.run("forget_resolved_missing", id)


def _read(row: Any) -> MissingRow:
    missing_id, integration, account, told, created = row
    return MissingRow(missing_id, integration, account or None, told == 1, from_ms(created))
