"""What is encrypted in the database, of whichever kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from msgspec import Struct

if TYPE_CHECKING:
    from perdure.storage.interface import Session

Kind: TypeAlias = Literal["api_keys", "connections", "sources", "requests"]


class SealedSecret(Struct, frozen=True, gc=False):
    """A secret. ``whose`` is an id, of a connection its integration; only that has an account, if it is of one."""

    kind: Kind
    whose: str
    account_id: str | None
    sealed: bytes


async def list_sealed(tx: Session, environment_no: int, *, limit: int) -> list[SealedSecret]:
    """List secrets of an environment, so many of each kind at most, the newest first."""
    rows = await tx.all("list_sealed_secrets", environment_no, limit)
    found = [cast("tuple[Kind, str, str | None, bytes]", row) for row in rows]
    return [SealedSecret(kind, whose, account or None, sealed) for kind, whose, account, sealed in found]
