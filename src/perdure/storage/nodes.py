"""Nodes: each holds its executions by one lease of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.storage.instants import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


async def insert_node(tx: Session, node_id: str, *, lease_until: datetime, now: datetime) -> int:
    """Create a node; its number."""
    row = await tx.one("insert_node", node_id, to_ms(now), to_ms(lease_until))
    return cast("tuple[int]", row)[0]


async def renew_lease(tx: Session, node_no: int, *, lease_until: datetime) -> None:
    """Let a node go on to hold its executions."""
    await tx.run("renew_lease", to_ms(lease_until), node_no)


async def list_expired(tx: Session, *, own_node_no: int, now: datetime) -> list[int]:
    """List the other nodes that hold executions though their lease has run out."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("list_expired_nodes", to_ms(now), own_node_no)]


async def list_others(tx: Session, *, own_node_no: int) -> list[int]:
    """List the other nodes that hold executions."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("list_other_nodes", own_node_no)]


async def find_last_port(tx: Session) -> int | None:
    """Look up where the node before this one listened."""
    row = await tx.one("find_last_port")
    return None if row is None else cast("tuple[int]", row)[0]


async def keep_port(tx: Session, node_no: int, *, port: int) -> None:
    """Remember where a node listens."""
    await tx.run("keep_port", port, node_no)
