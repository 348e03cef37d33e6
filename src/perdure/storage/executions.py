"""Executions that have ended; the one at work is in its run's row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage.instants import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.statuses import ExecutionStatus
    from perdure.storage.interface import Session


async def insert_execution(
    tx: Session,
    *,
    run_no: int,
    epoch: int,
    node_no: int,
    started_at: datetime,
    ended_at: datetime,
    status: ExecutionStatus,
) -> None:
    """Record how an execution ended."""
    await tx.run("insert_execution", run_no, epoch, node_no, to_ms(started_at), to_ms(ended_at), status)


async def record_held(tx: Session, *, run_no: int, status: ExecutionStatus, now: datetime) -> None:
    """Record how the execution that holds a run, if there is one, ended; call it before the run's row changes."""
    await tx.run("record_held_execution", to_ms(now), status, run_no)


async def record_lost(tx: Session, *, node_no: int, now: datetime) -> None:
    """Record that every execution of a node was lost; call it before the runs' rows change."""
    await tx.run("record_lost_executions", to_ms(now), node_no)
