"""The calls of `perdure.sdk.io.wait_for_event`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.blocking import SyncPart
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.records import ReceivedEvent

T = TypeVar("T")


class SyncEventWaitCalls(SyncPart):
    """`EventWaitCalls` for plain functions: the same calls, blocking.

    Waiting for an event.
    """

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
    ) -> ReceivedEvent[Any]: ...

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
    ) -> ReceivedEvent[T]: ...

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
    ) -> ReceivedEvent[Any]:
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
        call: Any = self._io.wait_for_event
        result: ReceivedEvent[Any] = self._run(
            call(
                key,
                name=name,
                schema=schema,
                filter=filter,
                source=source,
                context_filter=context_filter,
                account_id=account_id,
                timeout=timeout,
            )
        )
        return result
