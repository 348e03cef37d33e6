"""The calls of `perdure.sdk.io.batch_invoke_and_wait`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.blocking import SyncPart
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.job import Job

T = TypeVar("T")


class SyncBatchInvokeCalls(SyncPart):
    """`BatchInvokeCalls` for plain functions: the same calls, blocking.

    Invoking a job many times and waiting for what its runs come to.
    """

    @overload
    def batch_invoke_and_wait(
        self,
        key: CacheKey | None,
        job: Job[Any, T],
        payloads: Sequence[Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> list[T]: ...

    @overload
    def batch_invoke_and_wait(
        self,
        *,
        job: Job[Any, T],
        payloads: Sequence[Any] | None = None,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> list[T]: ...

    @overload
    def batch_invoke_and_wait(
        self,
        key: CacheKey | None = None,
        job: str | None = None,
        payloads: Sequence[Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> list[Any]: ...

    def batch_invoke_and_wait(
        self,
        key: CacheKey | None = None,
        job: Job[Any, Any] | str | None = None,
        payloads: Sequence[Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> list[Any]:
        """Start a run of a job for each payload, all at once, and wait until all of them have ended.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            job: The job, or its id.
            payloads: At most 1,000; each a payload, or a pair ``(payload, options)`` with a dict of ``account_id``,
                ``context``, ``idempotency_key`` and ``callback_url``.
            timeout: How long to wait for all of them, in seconds or as a ``timedelta``, counted from when they are
                started; ``None``: for ever. The runs go on all the same.

        Returns:
            The runs' outputs in the order of the payloads.

        Raises:
            InvokedRunFailedError: A run did not succeed: the first such by its place, once all have ended;
                ``.results`` has the notification of every run, in order.
            WaitTimeoutError: They take longer.
            PayloadValidationError: A payload does not fit the job's schema; nothing is started.
            ValueTooLargeError: The payloads have more than 4 MiB together, or the outputs more than 16 MiB.
            NotFoundError: The environment has never seen that job.
            JobDisabledError: Its app, which is elsewhere, declares it no more.
            InvalidArgumentError: An argument is outside what the call accepts.

        See also: v2 protocol, section 8.4.
        """
        call: Any = self._io.batch_invoke_and_wait
        result: list[Any] = self._run(call(key, job, payloads, timeout=timeout))
        return result
