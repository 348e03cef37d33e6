"""What an app declares, as rows: its jobs, schedules, dynamic triggers and HTTP endpoints, in one unit of work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.places import fill_places
from perdure.engine.schedule_changes import store_schedules
from perdure.engine.triggers import trigger_text
from perdure.protocol.endpoint import DynamicTriggerSpec, Index
from perdure.storage import concurrency, dynamic_triggers, http_endpoints, jobs, notifications
from perdure.storage.jobs import DispatcherRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.storage.interface import Session


class StoredIndex(Struct, frozen=True):
    """What an app declares, as it is stored.

    Attributes:
        jobs: The jobs' numbers with their ids.
        limits: Which of them are under which limit.
        dispatchers: The subscriptions now in force in the environment.
        warnings: What is not stored.
        gone: The jobs that the app has declared before, and no longer, by id.
    """

    jobs: dict[int, str]
    limits: dict[int, int]
    dispatchers: list[DispatcherRow]
    warnings: list[str]
    gone: list[str]


async def store_index(tx: Session, environment_no: int, index: Index, *, now: datetime) -> StoredIndex:
    """Store an app's jobs."""
    endpoint_no = await jobs.register_endpoint(
        tx, environment_no, endpoint_id=index.endpoint_id, is_remote=index.is_remote, now=now
    )
    numbers: dict[int, str] = {}
    limits: dict[int, int] = {}
    for spec in index.jobs:
        trigger = trigger_text(spec.trigger)
        number = await jobs.register_job(
            tx, environment_no, endpoint_no=endpoint_no, spec=spec, trigger_spec=trigger, now=now
        )
        numbers[number] = spec.id
        limit_no = None
        if spec.limit is not None:
            limit_no = await concurrency.register_limit(tx, environment_no, job_id=spec.id, limit=spec.limit)
            limits[number] = limit_no
        await concurrency.put_job_under(tx, number, limit_no)
    gone = await jobs.disable_undeclared(
        tx, environment_no, endpoint_no=endpoint_no, declared=tuple(numbers.values()), is_remote=index.is_remote
    )
    warnings = await store_schedules(tx, environment_no, index, endpoint_no=endpoint_no, job_nos=numbers, now=now)
    await store_triggers(tx, environment_no, index, endpoint_no=endpoint_no, job_nos=numbers)
    for one in index.http_endpoints:
        await http_endpoints.put(tx, environment_no, endpoint_no=endpoint_no, spec=one)
    keys = [one.key for one in index.http_endpoints]
    await http_endpoints.disable_undeclared(tx, environment_no, endpoint_no=endpoint_no, declared=keys)
    return StoredIndex(numbers, limits, await jobs.list_dispatchers(tx, environment_no), warnings, gone)


async def store_triggers(
    tx: Session, environment_no: int, index: Index, *, endpoint_no: int, job_nos: dict[int, str]
) -> None:
    """Store which dynamic triggers an app has, and which of its jobs each starts, in place of those before."""
    numbers = {
        id: await dynamic_triggers.put(tx, environment_no, endpoint_no=endpoint_no, id=id)
        for id in index.dynamic_triggers
    }
    started = {
        spec.id: numbers[spec.trigger.id]
        for spec in index.jobs
        if spec.enabled and isinstance(spec.trigger, DynamicTriggerSpec) and spec.trigger.id in numbers
    }
    await dynamic_triggers.detach_jobs(tx, endpoint_no=endpoint_no, job_nos=list(job_nos))
    for job_no, job_id in job_nos.items():
        if job_id in started:
            await dynamic_triggers.attach_job(tx, job_no, trigger_no=started[job_id])


async def hasten(tx: Session, job_nos: Sequence[int], *, now: datetime) -> None:
    """Make due what was put off for want of these jobs' code, and bring back who stood aside under other limits."""
    await notifications.hasten_of_jobs(tx, job_nos, now=now)
    await fill_places(tx)
