"""Defining what the jobs of a client share: limits, and triggers that are declared once for several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.errors import InvalidArgumentError
from perdure.sdk.concurrency import ConcurrencyLimit, as_limit
from perdure.sdk.names import check_name
from perdure.sdk.schedule_calls import check_dynamic_id
from perdure.sdk.schedules import DynamicSchedule

if TYPE_CHECKING:
    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.external_source import ExternalSource
    from perdure.sdk.http_endpoint import HttpEndpoint, RespondWith, Verify
    from perdure.sdk.job import Job
    from perdure.sdk.triggers import EventTrigger

T = TypeVar("T")


class ClientDefinitions(ABC):
    """What a client's jobs are triggered and limited by."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.dynamic_schedules: dict[str, DynamicSchedule] = {}
        self.http_endpoints: dict[str, HttpEndpoint] = {}
        self.dynamic_triggers: dict[str, DynamicTrigger[Any]] = {}
        self._limits: dict[str, ConcurrencyLimit] = {}

    @abstractmethod
    def attach(self, *jobs: Job[Any, Any]) -> None:
        """Add jobs."""

    @abstractmethod
    def _refuse_if_started(self, what: str, how: str) -> None:
        """Refuse to define anything that the client's node would not know."""

    def define_concurrency_limit(self, id: str, limit: int) -> ConcurrencyLimit:
        """Define a limit that several jobs share: ``concurrency_limit=`` of each takes it.

        Args:
            id: Names the group of jobs, within the environment.
            limit: How many executions of its jobs may be at work at once, all together.

        Raises:
            InvalidArgumentError: The client has a limit of that id with another number, or an argument is outside
                what it may be.

        See also: v2 protocol, section 6.12.
        """
        made = ConcurrencyLimit(check_name(id, what="id"), as_limit(limit, what="limit"))
        if self._limits.setdefault(made.id, made) != made:
            raise InvalidArgumentError(
                f"The client {self.id!r} has a concurrency limit {made.id!r} of {self._limits[made.id].limit} already; "
                "give the other one another id."
            )
        return made

    def define_dynamic_schedule(self, id: str) -> DynamicSchedule:
        """Define a dynamic schedule: ``trigger=`` of any number of jobs takes it, and schedules are registered later.

        Args:
            id: Names it in the environment: 1 to 512 bytes. Defined again it is the same one.

        Raises:
            InvalidArgumentError: The id is none, or the client is started.

        See also: v2 protocol, section 10.2.
        """
        made = DynamicSchedule(id=check_dynamic_id(id))
        self._refuse_if_started("the dynamic schedule", "define it")
        return self.dynamic_schedules.setdefault(made.id, made)

    def define_http_endpoint(
        self,
        id: str,
        *,
        source: str,
        verify: Verify | None = None,
        respond_with: RespondWith | None = None,
        enabled: bool = True,
    ) -> HttpEndpoint:
        """Define a URL that takes requests: ``trigger=endpoint.on_request()`` of any number of jobs takes them.

        A request is stored before it is answered with 200. One that names its delivery, as those of vendors do, is
        stored and starts runs once, however often it comes.

        Args:
            id: Names it in the environment. It is made a slug: lower case, ``-`` for white space, the
                rest but for ``a-z 0-9 - . _ ~`` left out.
            source: Who sends there, such as ``"github.com"``.
            verify: Says whether a request is what it says it is: takes an `HttpRequest` and gives ``True``, ``False``
                or a `VerifyResult`; `perdure.webhooks` has those of vendors. It is asked before the job's function is
                called, each time that is; a run whose request does not pass ends as a ``FAILURE``, a test is not asked.
            respond_with: How this app itself answers requests, while their senders wait.
            enabled: Whether it takes requests at all.

        Raises:
            InvalidArgumentError: The client has an HTTP endpoint of that id, an argument is outside what it may be, or
                the client is started.
            InvalidFilterError: The filter of ``respond_with`` cannot be compiled.

        See also: v2 protocol, section 11.1.
        """
        from perdure.sdk.http_endpoint import HttpEndpoint

        made = HttpEndpoint(id, source=source, verify=verify, respond_with=respond_with, enabled=enabled)
        self._refuse_if_started("the HTTP endpoint", "define it")
        if made.id in self.http_endpoints:
            raise InvalidArgumentError(f"The client {self.id!r} has an HTTP endpoint {made.id!r} already.")
        self.http_endpoints[made.id] = made
        return made

    def define_dynamic_trigger(self, id: str, *, event: EventTrigger[T], source: ExternalSource) -> DynamicTrigger[T]:
        """Define a dynamic trigger: ``trigger=`` of jobs takes it, and what starts them is registered later.

        Args:
            id: Names it in the environment. It is made a slug: lower case, ``-`` for white space, the
                rest but for ``a-z 0-9 - . _ ~`` left out.
            event: Which events, as ``event_trigger`` makes it: the names, source, filter and schema of those that the
                source sends.
            source: The service that they come from.

        Raises:
            InvalidArgumentError: The client has a dynamic trigger of that id, an argument is none, or the client is
                started.

        See also: v2 protocol, section 11.4.
        """
        from perdure.sdk.dynamic_trigger import make_trigger, registering_job

        made = make_trigger(id, event=event, source=source, endpoint_id=self.id)
        self._refuse_if_started("the dynamic trigger", "define it")
        if made.id in self.dynamic_triggers:
            raise InvalidArgumentError(f"The client {self.id!r} has a dynamic trigger {made.id!r} already.")
        self.attach(registering_job(made))
        self.dynamic_triggers[made.id] = made
        return made
