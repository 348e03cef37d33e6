"""The body of EXECUTE_JOB, as the execution that an app is asked for (v2 protocol, section 3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from perdure.protocol.execution import (
    AccountInfo,
    EnvironmentInfo,
    EventInfo,
    ExecutionRequest,
    JobRef,
    OrganizationInfo,
    ProjectInfo,
    RunInfo,
    SourceInfo,
    TaskState,
    Tenant,
)
from perdure.protocol.json_text import JsonText, check_dumped
from perdure.protocol.statuses import TaskStatus
from perdure.transport.wire_messages import error_of_output

if TYPE_CHECKING:
    from msgspec import Raw, UnsetType

    from perdure.protocol.messages.execution import KnownTask, RunJobBody
    from perdure.protocol.messages.tasks import CachedTask


def execution_request(body: RunJobBody, *, number: int) -> ExecutionRequest:
    """Read the body.

    Args:
        body: The body.
        number: The number of this execution in this process, which takes the place of an epoch.

    Raises:
        JsonError: The payload, or an output, is JSON that is not taken.
    """
    is_resumed = body.resumed is True
    event, environment, organization, project = body.event, body.environment, body.organization, body.project
    return ExecutionRequest(
        number,
        RunInfo(body.run.id, body.run.is_test, body.run.is_retry, body.run.started_at.plain()),
        JobRef(body.job.id, body.job.version),
        EventInfo(
            event.id, event.name, _json(event.payload) or JsonText("{}"), _json(event.context) or JsonText("{}"),
            event.timestamp.plain(),
        ),
        Tenant(
            EnvironmentInfo(environment.id, environment.slug, environment.type),
            ProjectInfo("unknown", "unknown", "unknown")
            if project is UNSET
            else ProjectInfo(project.id, project.slug, project.name),
            OrganizationInfo(organization.id, organization.slug, organization.title),
        ),
        None if body.account is UNSET else AccountInfo(body.account.id, _json(body.account.metadata)),
        None if body.source is UNSET else SourceInfo(body.source.id, _json(body.source.metadata)),
        _states(body),
        () if body.yielded_executions is UNSET else tuple(body.yielded_executions),
        is_complete=not is_resumed,
    )  # fmt: skip


def _states(body: RunJobBody) -> list[TaskState]:
    if body.stored_tasks is not UNSET:
        return body.stored_tasks
    return _known_states(body) if body.resumed is True else _cached_states(body)


def _cached_states(body: RunJobBody) -> list[TaskState]:
    tasks = [] if body.tasks is UNSET else body.tasks
    return [_state(task) for task in tasks if task.status is TaskStatus.COMPLETED]


def _known_states(body: RunJobBody) -> list[TaskState]:
    return [] if body.known_tasks is UNSET else [known_state(task) for task in body.known_tasks]


def known_state(task: KnownTask) -> TaskState:
    """Read a task that a run in memory waits for.

    Raises:
        JsonError: Its output is JSON that is not taken.
    """
    output = _json(task.output)
    is_error = task.status is TaskStatus.ERRORED
    return TaskState(
        task.id, task.idempotency_key, None if task.parent_id is UNSET else task.parent_id, "", "", task.status, False,
        task.attempts, None if is_error else output, error_of_output(output, "") if is_error else None,
        None if task.delay_until is UNSET else task.delay_until.plain(), None,
    )  # fmt: skip


def _state(task: CachedTask) -> TaskState:
    # Such a task says neither what it did nor with which parameters.
    return TaskState(
        task.id, task.idempotency_key, task.parent_id or None, "", "", task.status, task.noop, 1, _json(task.output),
        None, None, None,
    )  # fmt: skip


def _json(text: Raw | UnsetType) -> JsonText | None:
    if text is UNSET:
        return None
    checked = JsonText(check_dumped(bytes(text)))
    return None if checked == "null" else checked
