"""How an execution leaves its run. Each is guarded by the execution's epoch: a stale one changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.protocol.statuses import RunStatus
from perdure.storage.instants import to_due_ms, to_ms
from perdure.storage.json_lists import error_text, read_texts, text_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.protocol.execution import ErrorInfo, JsonText
    from perdure.storage.interface import Session


class Counters(Struct, frozen=True, gc=False):
    """What is counted of a run that goes on later, each in a row, and the keys it yielded.

    ``failures``: how often it came back without result; ``misses``: how often its code was not there; ``losses``: how
    often it took its process with it.
    """

    failures: int
    misses: int
    losses: int
    yielded: tuple[str, ...]


class EndedRun(Struct, frozen=True, gc=False):
    """A run that has just ended.

    ``is_heard``: somebody is to be told of it; ``has_open_tasks``: tasks of it have no outcome.
    """

    is_heard: bool
    has_open_tasks: bool


async def end_if_executing(
    tx: Session,
    run_no: int,
    *,
    epoch: int,
    status: RunStatus,
    output: JsonText | None = None,
    error: ErrorInfo | None = None,
    may_have_open_tasks: bool = True,
    now: datetime,
) -> EndedRun | None:
    """End a run with a final status; ``None`` if the execution no longer holds it."""
    text = None if error is None else error_text(error)
    row = await tx.one("end_if_executing", status, to_ms(now), output, text, run_no, epoch, may_have_open_tasks)
    if row is None:
        return None
    is_heard, has_open_tasks = cast("tuple[int, int]", row)
    return EndedRun(bool(is_heard), bool(has_open_tasks))


async def suspend_if_executing(
    tx: Session,
    run_no: int,
    *,
    epoch: int,
    task_ids: Sequence[str],
    block: str | None = None,
    was_fruitful: bool,
    now: datetime,
) -> RunStatus | None:
    """Let a run wait for the first of these tasks; if one is over already, it is in line again at once.

    With a ``block``, which is the task that encloses them, it waits until none in it waits any more.

    Returns:
        WAITING_TO_CONTINUE or WAITING_TO_EXECUTE, or ``None`` if the execution no longer holds the run.
    """
    if await tx.run("suspend_if_executing", to_ms(now), was_fruitful, block, run_no, epoch) == 0:
        return None
    # A statement of its own: it sees what a wake that waited for, or held, the run's row has written.
    named = tuple(dict.fromkeys(task_ids))
    resumed = await tx.run("resume_unless_all_wait", to_ms(now), run_no, len(named), text_list(named))
    return RunStatus.WAITING_TO_EXECUTE if resumed else RunStatus.WAITING_TO_CONTINUE


async def requeue_if_executing(
    tx: Session,
    run_no: int,
    *,
    epoch: int,
    available_at: datetime,
    why: str | None = None,
    failures: int = 0,
    misses: int = 0,
    was_fruitful: bool,
    is_fruitless: bool,
    is_lost: bool = False,
    now: datetime,
) -> bool:
    """Put a run back in line, from ``available_at`` on.

    Args:
        tx: An open write transaction.
        run_no: The run.
        epoch: The execution that gives it back.
        available_at: When it may be executed again; rounded up.
        why: Why it is not running until then.
        failures: How often in a row it has come back without result.
        misses: How often in a row its code was not there.
        was_fruitful: Whether the execution completed a task.
        is_fruitless: Whether it counts as fruitless if it did not.
        is_lost: Whether it counts as lost with its process if it did not.
        now: The engine clock's time.
    """
    changed = await tx.run(
        "requeue_if_executing",
        to_ms(now),
        to_due_ms(available_at),
        why,
        failures,
        misses,
        was_fruitful,
        is_fruitless,
        is_lost,
        run_no,
        epoch,
    )
    return changed == 1


async def find_counters(tx: Session, run_no: int) -> Counters:
    """Look up what is counted of a run that goes on later."""
    row = await tx.one("find_counters", run_no)
    if row is None:
        return Counters(0, 0, 0, ())
    failures, misses, losses, yielded = cast("tuple[int, int, int, str | None]", row)
    return Counters(failures, misses, losses, read_texts(yielded))


async def keep_yielded(tx: Session, run_no: int, keys: Sequence[str]) -> None:
    """Remember the keys a run yielded."""
    await tx.run("keep_yielded", text_list(keys), run_no)


async def add_warnings(tx: Session, run_no: int, warnings: Sequence[str]) -> None:
    """Add warnings to those of a run; one that it has already is not added again."""
    row = cast("tuple[str | None]", await tx.one("find_warnings", run_no))
    await tx.run("keep_warnings", text_list(tuple(dict.fromkeys((*read_texts(row[0]), *warnings)))), run_no)


async def keep_properties_if_executing(
    tx: Session, environment_no: int, run_id: str, *, epoch: int, properties: JsonText, now: datetime
) -> bool:
    """Remember what is to be shown of a run; whether the execution still holds it."""
    return await tx.run("keep_run_properties", properties, to_ms(now), run_id, environment_no, epoch) == 1
