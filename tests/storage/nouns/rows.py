"""Rows to begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec import Struct

from perdure.protocol.endpoint import EventTriggerSpec, JobSpec
from perdure.protocol.execution import (
    EnvironmentInfo,
    ErrorInfo,
    JsonText,
    OrganizationInfo,
    ProjectInfo,
    TaskRecord,
    Tenant,
)
from perdure.protocol.statuses import EnvironmentType, TaskStatus
from perdure.storage import environments, events, jobs, nodes, run_queue, runs
from perdure.storage.events import NewEvent
from perdure.storage.interface import Session, Storage
from perdure.storage.runs import NewRun

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
ERROR = ErrorInfo("Declined", "no money")


class Seed(Struct, frozen=True):
    """The numbers of an environment, a job with its version, two nodes and a run in line."""

    environment_no: int
    job_no: int
    version_no: int
    node_no: int
    other_node_no: int
    event_no: int
    run_no: int


def new_event(event_id: str, *, deliver_at: datetime = NOW) -> NewEvent:
    delivered_at = NOW if deliver_at <= NOW else None
    text = JsonText("{}")
    return NewEvent(event_id, "go", "trigger.dev", text, text, NOW, deliver_at, delivered_at)


def record(key: str, status: TaskStatus = TaskStatus.COMPLETED, *, delay: float | None = None) -> TaskRecord:
    return TaskRecord(
        f"task_{key}",
        sha256(key.encode()).hexdigest(),
        None,
        "wait" if delay is not None else "run_task",
        key,
        status,
        NOW,
        noop=delay is not None,
        output=JsonText("1") if status is TaskStatus.COMPLETED else None,
        error=ERROR if status is TaskStatus.ERRORED else None,
        delay_until=None if delay is None else NOW + timedelta(seconds=delay),
        completed_at=NOW if status.is_final else None,
    )


async def sow(storage: Storage) -> Seed:
    """Store a run in line and what it needs."""
    return await storage.write(_sow)


async def _sow(tx: Session) -> Seed:
    tenant = Tenant(
        EnvironmentInfo("env", "dev", EnvironmentType.DEVELOPMENT),
        ProjectInfo("proj", "default", "Default"),
        OrganizationInfo("org", "default", "Default"),
    )
    await environments.create_missing(tx, tenant=tenant, now=NOW)
    found = await environments.find_environment(tx, project="default", slug="dev")
    assert found is not None
    environment_no = found.number
    endpoint_no = await jobs.register_endpoint(tx, environment_no, endpoint_id="app", now=NOW)
    spec = JobSpec("job", "job", "1.0.0", EventTriggerSpec(("go",)))
    await jobs.register_job(tx, environment_no, endpoint_no=endpoint_no, spec=spec, trigger_spec="{}", now=NOW)
    job = await jobs.find_job(tx, environment_no, job_id="job")
    assert job is not None
    node_no = await nodes.insert_node(tx, "node_1", lease_until=LATER, now=NOW)
    other_node_no = await nodes.insert_node(tx, "node_2", lease_until=LATER, now=NOW)
    event_no = await events.insert_event(tx, environment_no, event=new_event("e"), account_no=None, now=NOW)
    assert event_no is not None
    run = NewRun("run_1", job.job_no, "job", job.version_no, job.version)
    run_no = await runs.insert_queued(tx, environment_no, run=run, event_no=event_no, now=NOW)
    assert run_no is not None
    return Seed(environment_no, job.job_no, job.version_no, node_no, other_node_no, event_no, run_no)


async def claim(storage: Storage, seed: Seed, *, now: datetime = NOW) -> int:
    """Let the first node hold the run; the epoch."""
    (claimed,) = await storage.write(run_queue.claim_if_in_line, [seed.run_no], node_no=seed.node_no, now=now)
    return claimed.epoch
