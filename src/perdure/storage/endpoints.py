"""Endpoints: apps behind URLs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from perdure.storage.instants import from_ms, to_ms

if TYPE_CHECKING:
    from perdure.storage.interface import Session


class EndpointRow(Struct, frozen=True, gc=False):
    """An endpoint; ``url=None``: an app of the node's own process. ``is_signed``: it verifies signatures.

    ``chunk_ms``: how many milliseconds its platform lets an execution take, as far as it has shown that.
    """

    number: int
    id: str
    url: str | None
    is_signed: bool
    chunk_ms: int | None
    created_at: datetime
    updated_at: datetime


async def keep_url(
    tx: Session, environment_no: int, endpoint_id: str, *, url: str, is_signed: bool, now: datetime
) -> EndpointRow:
    """Create an endpoint, or change where it is."""
    return _read(await tx.one("keep_endpoint_url", environment_no, endpoint_id, url, int(is_signed), to_ms(now)))


async def move_url(tx: Session, environment_no: int, endpoint_id: str, *, url: str, now: datetime) -> bool:
    """Change where an endpoint is that has a URL; whether there is one."""
    return await tx.run("move_endpoint_url", url, to_ms(now), environment_no, endpoint_id) == 1


async def list_with_url(tx: Session, environment_no: int, *, limit: int) -> list[EndpointRow]:
    """List the endpoints that have a URL, by id."""
    return [_read(row) for row in await tx.all("list_endpoints_with_url", environment_no, limit)]


async def exists(tx: Session, environment_no: int, endpoint_id: str) -> bool:
    """Whether an environment has ever had an app with this id, wherever its code is."""
    return await tx.one("has_endpoint", environment_no, endpoint_id) is not None


async def keep_chunk(tx: Session, environment_no: int, endpoint_id: str, *, chunk_ms: int) -> None:
    """Remember how long the platform of an app lets an execution take."""
    await tx.run("keep_endpoint_chunk", chunk_ms, environment_no, endpoint_id)


async def remove_url(tx: Session, environment_no: int, endpoint_id: str) -> bool:
    """Forget where an endpoint is; whether there was one."""
    return await tx.run("remove_endpoint_url", environment_no, endpoint_id) == 1


def _read(row: Any) -> EndpointRow:
    number, endpoint_id, url, is_signed, chunk_ms, created_at, updated_at = row
    return EndpointRow(number, endpoint_id, url, is_signed == 1, chunk_ms, from_ms(created_at), from_ms(updated_at))
