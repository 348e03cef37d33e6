"""Keys of environments: what is kept of them is what they are recognised by."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.storage.instants import from_ms, from_ms_or_none, to_ms

if TYPE_CHECKING:
    from perdure.storage.interface import Session


class ApiKeyRow(Struct, frozen=True, gc=False):
    """A key.

    Attributes:
        id: Names it.
        is_public: Whether it may be read by everybody.
        hash: Its SHA-256.
        sealed: The key, encrypted; ``None``: it was revoked.
        last_four: Its last four characters.
        created_at: When it was made.
        expires_at: When it ceases to be valid; ``None``: never.
        used_at: When it was used last, to the minute.
    """

    id: str
    is_public: bool
    hash: bytes
    sealed: bytes | None
    last_four: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


async def insert(tx: Session, environment_no: int, key: ApiKeyRow) -> None:
    """Add a key."""
    kind = "PUBLIC" if key.is_public else "PRIVATE"
    await tx.run(
        "insert_api_key", environment_no, key.id, kind, key.hash, key.sealed, key.last_four, to_ms(key.created_at)
    )


async def list_all(tx: Session, environment_no: int, *, limit: int) -> list[ApiKeyRow]:
    """List the keys of an environment, newest first, expired ones, too."""
    return [_read(row) for row in await tx.all("list_api_keys", environment_no, limit)]


async def find(tx: Session, environment_no: int, *, key_id: str) -> ApiKeyRow | None:
    """Look a key up by its id."""
    row = await tx.one("find_api_key", environment_no, key_id)
    return None if row is None else _read(row)


async def expire_if_valid(tx: Session, environment_no: int, *, key_id: str, at: datetime, now: datetime) -> bool:
    """Let a key expire then, or before if it does so anyway; whether it was valid."""
    return await tx.run("expire_api_key_if_valid", to_ms(at), environment_no, key_id, to_ms(now)) == 1


async def revoke_if_valid(tx: Session, environment_no: int, *, key_id: str, now: datetime) -> bool:
    """Let a key expire now, and forget it, unless it has expired."""
    return await tx.run("revoke_api_key_if_valid", to_ms(now), environment_no, key_id) == 1


async def keep_use(tx: Session, environment_no: int, *, key_id: str, now: datetime) -> None:
    """Note when a key was used last."""
    await tx.run("keep_api_key_use", to_ms(now), environment_no, key_id)


async def count(tx: Session, environment_no: int) -> int:
    """Count the keys of an environment."""
    return cast("tuple[int]", await tx.one("count_api_keys", environment_no))[0]


async def delete_expired(tx: Session, environment_no: int, *, before: datetime) -> None:
    """Forget the keys that expired before then."""
    await tx.run("delete_expired_api_keys", environment_no, to_ms(before))


def _read(row: Any) -> ApiKeyRow:
    key_id, kind, digest, sealed, last_four, created_at, expires_at, used_at = row
    return ApiKeyRow(
        key_id, kind == "PUBLIC", digest, sealed, last_four, from_ms(created_at), from_ms_or_none(expires_at),
        from_ms_or_none(used_at),
    )  # fmt: skip
