"""`Context`: what a job may know of its run, as ``ctx``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
)
from perdure.protocol.json_text import load


class EventContext:
    """``ctx.event``: the event that started the run; ``context`` is what its sender handed on beside the payload."""

    __slots__ = ("_context", "_event")

    def __init__(self, event: EventInfo) -> None:
        self._event = event
        self._context: Any = None

    @property
    def id(self) -> str:
        """The sender's id of the event."""
        return self._event.id

    @property
    def name(self) -> str:
        """The event's name."""
        return self._event.name

    @property
    def timestamp(self) -> datetime:
        """When it happened, as its sender said."""
        return self._event.timestamp

    @property
    def context(self) -> Any:
        """The event's context: a JSON value, ``{}`` if the sender gave none."""
        if self._context is None:
            self._context = load(self._event.context)
        return self._context

    def __repr__(self) -> str:
        return f"EventContext(id={self.id!r}, name={self.name!r})"


@dataclass(frozen=True, slots=True)
class Reference:
    """``ctx.account`` or ``ctx.source``: an id, with metadata if there is any."""

    id: str
    metadata: Any


class Context:
    """What a job may know of its run; the same in every execution, nothing in it can be changed.

    Attributes:
        run: ``id is_test is_retry started_at``.
        job: ``id version``.
        event: ``id name context timestamp``.
        environment: ``id slug type``.
        organization: ``id slug title``.
        project: ``id slug name``.

    See also: SDK surface of v2, section 6.
    """

    __slots__ = ("_request", "event")

    def __init__(self, request: ExecutionRequest) -> None:
        self._request = request
        self.event = EventContext(request.event)

    @classmethod
    def of(cls, request: ExecutionRequest) -> Context:
        """Make the context of an execution."""
        return cls(request)

    @property
    def run(self) -> RunInfo:
        """The run; ``started_at`` is the start of its first execution."""
        return self._request.run

    @property
    def job(self) -> JobRef:
        """The job's id, and the version with which the run was created."""
        return self._request.job

    @property
    def environment(self) -> EnvironmentInfo:
        """The environment that owns the run."""
        return self._request.tenant.environment

    @property
    def organization(self) -> OrganizationInfo:
        """The organization that owns the project."""
        return self._request.tenant.organization

    @property
    def project(self) -> ProjectInfo:
        """The project that owns the environment."""
        return self._request.tenant.project

    @property
    def account(self) -> Reference | None:
        """The external account the event was sent for."""
        return _reference(self._request.account)

    @property
    def source(self) -> Reference | None:
        """The schedule or registration that the event came from."""
        return _reference(self._request.source)

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "event"):
            raise AttributeError(f"ctx is frozen; {name!r} cannot be set.")
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Context(run={self.run.id!r}, job={self.job.id!r})"


def _reference(info: AccountInfo | SourceInfo | None) -> Reference | None:
    if info is None:
        return None
    return Reference(info.id, None if info.metadata is None else load(info.metadata))
