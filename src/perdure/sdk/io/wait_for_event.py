"""`io.wait_for_event`: wait until an event is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump
from perdure.protocol.limits import ID_LIMIT
from perdure.protocol.task_waits import EventWait
from perdure.sdk.durations import seconds_of
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT, timeout_property
from perdure.sdk.names import check_name
from perdure.sdk.records import ReceivedEvent
from perdure.sdk.schema import payload_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.schema import PayloadSchema

T = TypeVar("T")


class EventWaitCalls(Part):
    """Waiting for an event."""

    @overload
    def wait_for_event(
        self,
        key: CacheKey | None = None,
        *,
        name: str,
        schema: None = None,
        filter: Mapping[str, Any] | None = None,
        source: str | None = None,
        context_filter: Mapping[str, Any] | None = None,
        account_id: str | None = None,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, ReceivedEvent[Any]]: ...

    @overload
    def wait_for_event(
        self,
        key: CacheKey | None = None,
        *,
        name: str,
        schema: type[T],
        filter: Mapping[str, Any] | None = None,
        source: str | None = None,
        context_filter: Mapping[str, Any] | None = None,
        account_id: str | None = None,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, ReceivedEvent[T]]: ...

    def wait_for_event(
        self,
        key: CacheKey | None = None,
        *,
        name: str,
        schema: Any = None,
        filter: Mapping[str, Any] | None = None,
        source: str | None = None,
        context_filter: Mapping[str, Any] | None = None,
        account_id: str | None = None,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, ReceivedEvent[Any]]:
        """Wait until an event is sent that matches. Only events sent after the wait is stored count.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The event's name, compared exactly.
            schema: The type of the event's payload; default: plain JSON.
            filter: An event filter that the payload must satisfy.
            source: The event's source; default ``trigger.dev``, as events have it.
            context_filter: An event filter that the event's context must satisfy.
            account_id: Only events of this external account.
            timeout: How long to wait at most, in seconds or as a ``timedelta``, counted from when the wait is
                stored; ``None``: for ever.

        Returns:
            The whole event.

        Raises:
            WaitTimeoutError: No such event came in time.
            PayloadValidationError: The event's payload does not fit ``schema``.
            InvalidFilterError: A filter has an unknown operator or an operand of the wrong kind.
            InvalidArgumentError: Another argument is outside what the call accepts.

        See also: v2 protocol, sections 8.3 and 12.1.
        """
        limit = None if timeout is None else seconds_of(timeout, what="timeout")
        wait = EventWait(
            name=check_name(name, what="name"),
            source="trigger.dev" if source is None else check_name(source, what="source"),
            filter=_filter_text(filter, "filter"),
            context_filter=_filter_text(context_filter, "context_filter"),
            account_id=None if account_id is None else check_name(account_id, what="account_id", limit=ID_LIMIT),
            timeout=limit,
        )
        options = TaskOptions(
            operation="wait_for_event",
            name=f"Wait for Event {name}",
            params=params_text(
                {
                    "name": wait.name,
                    "source": wait.source,
                    "filter": filter,
                    "context_filter": context_filter,
                    "account_id": account_id,
                    "timeout": limit,
                }
            ),
            wait=wait,
            wrap=_Receive(payload_schema(schema), wait, self._execution.host.now),
            details=details_text(icon="custom-event", properties=timeout_property(limit)),
        )
        return self._start("wait_for_event", key, None, options)


def _filter_text(filter: object, path: str) -> JsonText | None:
    if filter is None:
        return None
    from perdure.protocol.event_filter import compile_event_filter

    # A mapping of any kind will do; whatever else it is, the compiler says so.
    compile_event_filter(_as_dict(filter), path=path)
    return JsonText(dump(filter, root=path))


def _as_dict(filter: object) -> object:
    return dict(cast("Mapping[str, object]", filter)) if isinstance(filter, Mapping) else filter


class _Receive:
    """Makes the event of a task's output."""

    def __init__(self, schema: PayloadSchema, wait: EventWait, now: Callable[[], datetime]) -> None:
        self._schema = schema
        self._wait = wait
        self._now = now

    def __call__(self, event: dict[str, Any]) -> ReceivedEvent[Any]:
        return ReceivedEvent(
            id=event["id"],
            name=event["name"],
            source=event["source"],
            payload=self._schema.parse(JsonText(dump(event["payload"], root="payload"))),
            context=event["context"],
            timestamp=datetime.fromisoformat(event["timestamp"]),
            account_id=event.get("accountId"),
        )

    def unwrap(self, result: Any) -> dict[str, Any]:
        """Give the stored form of an event; anything else is the payload of the event that was waited for."""
        given: object = result
        event: ReceivedEvent[Any] = result if isinstance(given, ReceivedEvent) else self._with(result)
        return {
            "id": event.id,
            "name": event.name,
            "source": event.source,
            "payload": event.payload,
            "context": event.context,
            "timestamp": event.timestamp.isoformat(),
            "accountId": event.account_id,
        }

    def _with(self, payload: Any) -> ReceivedEvent[Any]:
        wait = self._wait
        return ReceivedEvent(
            id="stand-in",
            name=wait.name,
            source=wait.source,
            payload=payload,
            context={},
            timestamp=self._now(),
            account_id=wait.account_id,
        )
