"""The calls of `perdure.sdk.io.invoke_and_wait`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.blocking import SyncPart
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.job import Job

T = TypeVar("T")


class SyncAwaitedInvokeCalls(SyncPart):
    """`AwaitedInvokeCalls` for plain functions: the same calls, blocking.

    Invoking a job and waiting for what its run comes to.
    """

    @overload
    def invoke_and_wait(
        self,
        key: CacheKey | None,
        job: Job[Any, T],
        payload: Any = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> T: ...

    @overload
    def invoke_and_wait(
        self,
        *,
        job: Job[Any, T],
        payload: Any = None,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> T: ...

    @overload
    def invoke_and_wait(
        self,
        key: CacheKey | None = None,
        job: str | None = None,
        payload: Any = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> Any: ...

    def invoke_and_wait(
        self,
        key: CacheKey | None = None,
        job: Job[Any, Any] | str | None = None,
        payload: Any = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> Any:
        """Start a run of a job and wait for its end.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            job: The job, or its id.
            payload: A JSON value or a model; default ``{}``. It is checked before it is sent if the job is given, and
                not only its id.
            timeout: How long to wait at most, in seconds or as a ``timedelta``, counted from when the run is
                started; ``None``: for ever. The run goes on all the same.
            idempotency_key: The same key for the same job waits for the first run, also if that has ended; default:
                one that belongs to this task.
            context: Handed on as ``ctx.event.context``.
            account_id: The external account the run concerns.
            callback_url: Is told of the run's end, too, by POST.

        Returns:
            The run's output, of the type that the job's annotation names; as JSON if only the job's id is given.

        Raises:
            InvokedRunFailedError: The run did not succeed, or was cancelled.
            WaitTimeoutError: It takes longer.
            PayloadValidationError: The payload does not fit the job's schema.
            NotFoundError: The environment has never seen that job.
            JobDisabledError: Its app, which is elsewhere, declares it no more.
            InvalidArgumentError: An argument is outside what the call accepts.

        See also: v2 protocol, section 8.4.
        """
        call: Any = self._io.invoke_and_wait
        result: Any = self._run(
            call(
                key,
                job,
                payload,
                timeout=timeout,
                idempotency_key=idempotency_key,
                context=context,
                account_id=account_id,
                callback_url=callback_url,
            )
        )
        return result
