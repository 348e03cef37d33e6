"""The end of a run as it is told to others: what is told, to whom, and what has not been told yet."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import (
    AccountInfo,
    EnvironmentInfo,
    ErrorInfo,
    EventInfo,
    JobRef,
    JsonText,
    OrganizationInfo,
    ProjectInfo,
    Tenant,
)
from perdure.protocol.statuses import EnvironmentType, RunStatus
from perdure.storage.instants import from_ms, from_ms_or_none, to_due_ms, to_ms
from perdure.storage.json_lists import number_list, read_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.storage.interface import Session


class RunEnd(Struct, frozen=True, gc=False):
    """A run that has ended; ``seq`` numbers the change of its status that ended it."""

    id: str
    seq: int
    status: RunStatus
    started_at: datetime | None
    updated_at: datetime
    completed_at: datetime
    execution_ms: int
    executions: int
    output: JsonText | None
    error: ErrorInfo | None
    job_no: int
    job: JobRef
    tenant: Tenant
    account: AccountInfo | None
    event: EventInfo
    is_test: bool


class FailedTask(Struct, frozen=True, gc=False):
    """The task of a run that failed last; ``details`` is JSON text of what is only shown."""

    key: str
    display_key: str | None
    name: str
    started_at: datetime
    error: ErrorInfo | None
    params: JsonText | None
    details: JsonText | None


class Notification(Struct, frozen=True, gc=False):
    """What a node tells now; without ``url`` it is told to the endpoint that has the job."""

    number: int
    id: str
    job_no: int
    job_id: str
    url: str | None
    body: JsonText
    attempts: int
    environment_no: int


async def list_recipients(tx: Session, run_no: int) -> list[str | None]:
    """List to whom a run's end is to be told: URLs, and ``None`` for the endpoint of its job."""
    recipients: list[str | None] = [cast("tuple[str]", row)[0] for row in await tx.all("list_run_callbacks", run_no)]
    if cast("tuple[int]", await tx.one("is_endpoint_listening", run_no))[0] == 1:
        recipients.append(None)
    return recipients


async def find_end(tx: Session, run_no: int) -> RunEnd:
    """Read what is told of a run that has ended."""
    row: Any = await tx.one("find_run_end", run_no)
    (rid, seq, status, started, updated, completed, execution_ms, epoch, output, error, job_no, job, version, env_id,
     env_slug, env_type, org_id, org_slug, org_title, project_id, project_slug, project_name, account, account_data,
     event, payload, context, timestamp, is_test) = row  # fmt: skip
    tenant = Tenant(
        EnvironmentInfo(env_id, env_slug, EnvironmentType(env_type)),
        ProjectInfo(project_id, project_slug, project_name),
        OrganizationInfo(org_id, org_slug, org_title),
    )
    return RunEnd(
        rid, seq, RunStatus(status), from_ms_or_none(started), from_ms(updated), from_ms(completed), execution_ms,
        epoch, output, read_error(error), job_no, JobRef(job, version), tenant,
        None if account is None else AccountInfo(account, account_data),
        EventInfo(event, "", payload, context, from_ms(timestamp)), is_test == 1,
    )  # fmt: skip


async def find_failed_task(tx: Session, run_no: int) -> FailedTask | None:
    """Read the task of a run that failed last."""
    row: Any = await tx.one("find_failed_task", run_no)
    if row is None:
        return None
    key, display_key, name, started, error, params, details = row
    return FailedTask(key.hex(), display_key, name, from_ms(started), read_error(error), params, details)


async def add_callback(tx: Session, run_no: int, url: str) -> None:
    """Let the end of a run be told to a URL."""
    await tx.run("insert_run_callback", run_no, url)


async def insert_notification(
    tx: Session, run_no: int, *, url: str | None, run: RunEnd, body: JsonText, now: datetime
) -> None:
    """Let a run's end be told, from now on; the same end has the same id whoever it is told to."""
    # A run that is continued ends again, and that is told under another id.
    await tx.run("insert_notification", run_no, f"{run.id}.{run.seq}", run.job_no, url, body, to_ms(now))


async def next_due(tx: Session) -> datetime | None:
    """When the first notification is due."""
    row = await tx.one("next_notification_due")
    return None if row is None else from_ms_or_none(cast("tuple[int | None]", row)[0])


async def take_due(tx: Session, *, now: datetime, due_again_at: datetime, limit: int) -> list[Notification]:
    """Take notifications that are due, to tell them; if this node dies they are due again later."""
    taken: list[Notification] = []
    for row in await tx.all("list_due_notifications", to_ms(now), limit):
        number = cast("tuple[int]", row)[0]
        found: Any = await tx.one("take_notification_if_due", to_due_ms(due_again_at), number, to_ms(now))
        if found is not None:
            taken.append(Notification(*found))
    return taken


async def postpone_if_taken(
    tx: Session, taken: Notification, *, until: datetime, counts: bool, is_absent: bool = False
) -> None:
    """Let a notification that could not be told be due later.

    Args:
        tx: The transaction.
        taken: The notification.
        until: When it is due.
        counts: Whether the attempt counts.
        is_absent: Whether the code was not there that is to be told: it is due when that is back.
    """
    await tx.run("postpone_if_taken", not counts, is_absent, to_due_ms(until), taken.number, taken.id, taken.attempts)


async def delete_if_taken(tx: Session, taken: Notification) -> None:
    """Forget a notification: it was told, or tried too often. One that another node has taken since stays."""
    await tx.run("delete_if_taken", taken.number, taken.id, taken.attempts)


async def hasten_of_jobs(tx: Session, job_nos: Iterable[int], *, now: datetime) -> int:
    """Make due what could not be told because no code was there for these jobs; how many."""
    return await tx.run("hasten_notifications_of_jobs", to_ms(now), number_list(job_nos))


async def hasten_lost(tx: Session, *, now: datetime) -> int:
    """Make due what a node was telling that is gone; how many."""
    return await tx.run("hasten_lost_notifications", to_ms(now))
