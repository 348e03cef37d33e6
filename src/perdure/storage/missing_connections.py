"""Connections that runs wait for."""

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
    created_at: datetime


async def note(
    tx: Session, environment_no: int, *, account_id: str | None, missing: Sequence[tuple[str, str]], now: datetime
) -> list[MissingRow]:
    """Note that connections of an account are missing: to each integration, with the id that it gets if it is new.

    Returns:
        Those of which it was not known; not those that have come since it was looked.
    """
    rows = [
        await tx.one("note_missing_connection", environment_no, id, integration, account_id or "", to_ms(now))
        for integration, id in missing
    ]
    return [_read(row) for row in rows if row is not None]


async def list_noted(
    tx: Session, environment_no: int, *, account_id: str | None, integrations: Sequence[str]
) -> set[str]:
    """List of which of these integrations it is known that their connections are missing."""
    rows = await tx.all("list_noted_missing", environment_no, account_id or "", text_list(integrations))
    return {cast("tuple[str]", row)[0] for row in rows}


async def take(tx: Session, environment_no: int, *, integration: str, account_id: str | None) -> MissingRow | None:
    """Forget that a connection is missing, because it is there; what was known of it, or ``None``."""
    row = await tx.one("take_missing_connection", environment_no, integration, account_id or "")
    return None if row is None else _read(row)


def _read(row: Any) -> MissingRow:
    missing_id, integration, account, created = row
    return MissingRow(missing_id, integration, account or None, from_ms(created))
