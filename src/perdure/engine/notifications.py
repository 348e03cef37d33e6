"""What is told of a run that has ended (v2 protocol, section 6.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from perdure.engine.run_statuses import status_text
from perdure.protocol.json_text import JsonText, load
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.notifications import NotifiedTask, RunInvocation, RunNotification
from perdure.protocol.messages.run_statuses import JobRunStatusRecord
from perdure.protocol.messages.tenancy import (
    AccountReference,
    EnvironmentReference,
    JobReference,
    OrganizationReference,
    ProjectReference,
)
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import notifications, run_statuses

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.protocol.execution import AccountInfo, ErrorInfo
    from perdure.protocol.state import StatusAnswer
    from perdure.storage.interface import Session
    from perdure.storage.notifications import FailedTask, RunEnd

_encode = msgspec.json.Encoder().encode


async def describe_end(tx: Session, run_no: int) -> tuple[RunEnd, JsonText]:
    """Read a run that has ended, and write what is told of it."""
    run = await notifications.find_end(tx, run_no)
    failed = None if run.status is RunStatus.SUCCESS else await notifications.find_failed_task(tx, run_no)
    message = _message(run, failed, await run_statuses.list_of_run(tx, run_no))
    return run, JsonText(encode_message(message).decode())


def _message(run: RunEnd, failed: FailedTask | None, statuses: Sequence[StatusAnswer]) -> RunNotification:
    tenant, event = run.tenant, run.event
    environment, project, organization = tenant.environment, tenant.project, tenant.organization
    return RunNotification(
        id=run.id,
        ok=run.status is RunStatus.SUCCESS,
        status=run.status,
        started_at=_instant(run.started_at),
        updated_at=Instant.of(run.updated_at),
        completed_at=Instant.of(run.completed_at),
        is_test=run.is_test,
        execution_duration_in_ms=run.execution_ms,
        execution_count=run.executions,
        job=JobReference(id=run.job.id, version=run.job.version),
        statuses=[decode_message(status_text(status).encode(), JobRunStatusRecord) for status in statuses],
        environment=EnvironmentReference(id=environment.id, slug=environment.slug, type=environment.type),
        organization=OrganizationReference(id=organization.id, slug=organization.slug, title=organization.title),
        project=ProjectReference(id=project.id, slug=project.slug, name=project.name),
        account=_account(run.account),
        invocation=RunInvocation(
            id=event.id,
            context=_raw(event.context),
            timestamp=Instant.of(event.timestamp),
            payload=_raw(event.payload),
        ),
        output=UNSET if run.output is None else _raw(run.output),
        error=_error(run.error),
        task=UNSET if failed is None else _task(failed),
    )


def _task(task: FailedTask) -> NotifiedTask:
    details: dict[str, Any] = {} if task.details is None else load(task.details)
    return NotifiedTask(
        id=task.key,
        cache_key=task.display_key,
        status=TaskStatus.ERRORED,
        name=task.name,
        icon=details.get("icon"),
        started_at=Instant.of(task.started_at),
        error=_error(task.error),
        params=UNSET if task.params is None else _raw(task.params),
    )


def _account(account: AccountInfo | None) -> AccountReference | UnsetType:
    if account is None:
        return UNSET
    return AccountReference(id=account.id, metadata=UNSET if account.metadata is None else _raw(account.metadata))


def _error(error: ErrorInfo | None) -> Raw | UnsetType:
    """Write an error as clients of the v2 protocol know it; from what it can be made again is nobody else's."""
    if error is None:
        return UNSET
    shown = {"name": error.name, "message": error.message}
    if error.stack is not None:
        shown["stack"] = error.stack
    return Raw(_encode(shown))


def _raw(text: str) -> Raw:
    return Raw(text.encode())


def _instant(at: datetime | None) -> Instant | None:
    return None if at is None else Instant.of(at)
