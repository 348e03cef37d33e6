"""The context of a run: what ``ctx`` tells a job about itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from perdure.protocol.execution import (
    EnvironmentInfo,
    ExecutionRequest,
    JobRef,
    JsonText,
    OrganizationInfo,
    ProjectInfo,
    RunInfo,
)
from perdure.protocol.json_text import load

if TYPE_CHECKING:
    from perdure.protocol import execution


class EventInfo(Struct, frozen=True):
    """The event that started the run.

    Attributes:
        id: The sender's id of it.
        name: Its name.
        context: What was sent with it beside the payload, as JSON.
        timestamp: When it happened.
    """

    id: str
    name: str
    context: Any
    timestamp: datetime


class AccountInfo(Struct, frozen=True):
    """The external account that the event was sent for.

    Attributes:
        id: Its id.
        metadata: What is known about it, as JSON, or ``None``.
    """

    id: str
    metadata: Any = None


class SourceInfo(Struct, frozen=True):
    """The schedule or dynamic trigger registration that the event came from.

    Attributes:
        id: The key of the registration.
        metadata: What was registered with it, as JSON, or ``None``.
    """

    id: str
    metadata: Any = None


class Context(Struct, frozen=True):
    """What a job is told about its run.

    Attributes:
        run: ``id``, ``is_test``, ``is_retry``, ``started_at`` (of the first execution).
        job: ``id`` and ``version``, the one with which the run was created.
        event: ``id``, ``name``, ``context``, ``timestamp`` of the event that started the run.
        environment: ``id``, ``slug``, ``type``.
        organization: ``id``, ``slug``, ``title``.
        project: ``id``, ``slug``, ``name``.
        account: ``id`` and ``metadata`` of the external account the event was sent for, or ``None``.
        source: ``id`` and ``metadata`` of the schedule or dynamic trigger the event came from, or ``None``.

    See also: v2 protocol, section 3.6.
    """

    run: RunInfo
    job: JobRef
    event: EventInfo
    environment: EnvironmentInfo
    organization: OrganizationInfo
    project: ProjectInfo
    account: AccountInfo | None = None
    source: SourceInfo | None = None

    @classmethod
    def of(cls, request: ExecutionRequest) -> Context:
        """Make the context of an execution."""
        tenant = request.tenant
        account = request.account
        source = request.source
        return cls(
            request.run,
            request.job,
            _event_of(request.event),
            tenant.environment,
            tenant.organization,
            tenant.project,
            None if account is None else AccountInfo(account.id, _value(account.metadata)),
            None if source is None else SourceInfo(source.id, _value(source.metadata)),
        )


def _event_of(event: execution.EventInfo) -> EventInfo:
    return EventInfo(event.id, event.name, load(event.context), event.timestamp)


def _value(text: JsonText | None) -> Any:
    return None if text is None else load(text)
