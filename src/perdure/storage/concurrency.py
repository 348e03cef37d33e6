"""Concurrency limits: how many executions of a job, a group of jobs, or an environment may be at work at once.

A place is taken by a run's row while an execution holds it, and by nothing else: nothing has to be given back when a
node dies, and no counter can be wrong. A run in line that finds no place stands aside, in an index of its own, so that
it is not met again until there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.storage.json_lists import number_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.protocol.endpoint import LimitSpec
    from perdure.storage.interface import Session


async def register_limit(tx: Session, environment_no: int, *, job_id: str, limit: LimitSpec) -> int:
    """Store a limit as it is declared: a group's, or else the job's own; its number."""
    kind, name = ("JOB", job_id) if limit.group is None else ("GROUP", limit.group)
    row = await tx.one("upsert_limit", environment_no, kind, name, limit.most)
    return cast("tuple[int]", row)[0]


async def register_share(tx: Session, environment_no: int, *, most: int) -> int:
    """Store how many executions a whole environment may have at work; the limit's number."""
    return cast("tuple[int]", await tx.one("upsert_limit", environment_no, "ENVIRONMENT", "", most))[0]


async def put_job_under(tx: Session, job_no: int, limit_no: int | None) -> None:
    """Let a limit, or none, hold for a job from now on; for its executions at work as well."""
    before = cast("tuple[int | None]", await tx.one("find_limit_of_job", job_no))[0]
    if before == limit_no:
        return
    await tx.run("set_limit_of_job", limit_no, job_no)
    await tx.run("count_in_executions_of_job", limit_no, job_no)
    if before is not None:
        await tx.run("bring_back_runs_of_job", before, job_no)


async def find_limit_of_run(tx: Session, run_no: int) -> int | None:
    """Look up the limit that a run's job is under."""
    row = await tx.one("find_limit_of_run", run_no)
    return None if row is None else cast("tuple[int | None]", row)[0]


async def count_free(tx: Session, limit_no: int) -> int:
    """Count the free places of a limit; below zero if it was lowered under what is at work."""
    most, taken = cast("tuple[int, int]", await tx.one("find_places", limit_no))
    return most - taken


async def take_places(tx: Session, limit_no: int, run_nos: Iterable[int]) -> None:
    """Let executions that have just begun take places of a limit."""
    await tx.run("take_places", limit_no, number_list(run_nos))


async def set_aside(tx: Session, limit_no: int, run_nos: Iterable[int]) -> None:
    """Let runs in line stand aside until a place of a limit is free."""
    await tx.run("set_aside", limit_no, number_list(run_nos))


async def bring_back(tx: Session, limit_no: int, *, count: int) -> int:
    """Put so many of the runs that stand aside back in line, first due first; how many there were."""
    return await tx.run("bring_back", limit_no, count)


async def list_waited_for(tx: Session) -> list[int]:
    """List the limits for want of whose places runs stand aside."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("list_limits_with_runs_aside")]
