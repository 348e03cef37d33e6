"""Runs whose node died: put back in line, their executions recorded as lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.protocol.statuses import ExecutionStatus, RunStatus
from perdure.storage import executions, nodes, operations, run_outcomes, runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.storage.interface import Session


async def recover_from_others(tx: Session, *, own_node_no: int, now: datetime) -> list[str]:
    """Put back in line what any other node holds; only for a database that has no other node. The runs' ids."""
    await operations.lose_of_others(tx, own_node_no=own_node_no, now=now)
    return await _lose(tx, await nodes.list_others(tx, own_node_no=own_node_no), now)


async def recover_expired(tx: Session, *, own_node_no: int, now: datetime) -> list[str]:
    """Put back in line what nodes hold whose lease has run out; the runs' ids."""
    return await _lose(tx, await nodes.list_expired(tx, own_node_no=own_node_no, now=now), now)


async def release_own(tx: Session, *, node_no: int, now: datetime) -> list[str]:
    """Put back in line what this node, which stops, still holds; the runs' ids."""
    await executions.record_lost(tx, node_no=node_no, now=now)
    return await runs.lose_of_node(tx, node_no, is_fruitless=False, now=now)


async def release_orphans(tx: Session, orphans: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Put runs back in line that a node holds under these epochs without knowing of it."""
    for run_no, epoch in orphans:
        if await runs.find_state(tx, run_no) == (RunStatus.EXECUTING, epoch):
            await executions.record_held(tx, run_no=run_no, status=ExecutionStatus.LOST, now=now)
            await run_outcomes.requeue_if_executing(
                tx, run_no, epoch=epoch, available_at=now, was_fruitful=False, is_fruitless=False, now=now
            )


async def _lose(tx: Session, node_nos: Sequence[int], now: datetime) -> list[str]:
    lost: list[str] = []
    for node_no in node_nos:
        await executions.record_lost(tx, node_no=node_no, now=now)
        lost.extend(await runs.lose_of_node(tx, node_no, is_fruitless=True, now=now))
    return lost
