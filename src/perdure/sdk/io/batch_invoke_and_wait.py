"""`io.batch_invoke_and_wait`: start runs of another job, all at once, and wait for their ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from perdure.errors import InvalidArgumentError
from perdure.protocol.limits import BATCH_LIMIT
from perdure.protocol.task_waits import InvokeRequest, RunsWait
from perdure.sdk.durations import seconds_of
from perdure.sdk.events import invoke_request
from perdure.sdk.io.invoke import invoke_params, refuse_job_as_key
from perdure.sdk.io.invoke_and_wait import NOTIFICATIONS, Outputs, check_payload
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT, timeout_property

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.job import Job

T = TypeVar("T")

_OPTIONS = ("account_id", "callback_url", "context", "idempotency_key")


class BatchInvokeCalls(Part):
    """Invoking a job many times and waiting for what its runs come to."""

    @overload
    def batch_invoke_and_wait(
        self,
        key: CacheKey | None,
        job: Job[Any, T],
        payloads: Sequence[Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, list[T]]: ...

    @overload
    def batch_invoke_and_wait(
        self,
        *,
        job: Job[Any, T],
        payloads: Sequence[Any] | None = None,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, list[T]]: ...

    @overload
    def batch_invoke_and_wait(
        self,
        key: CacheKey | None = None,
        job: str | None = None,
        payloads: Sequence[Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, list[Any]]: ...

    def batch_invoke_and_wait(
        self,
        key: CacheKey | None = None,
        job: Job[Any, Any] | str | None = None,
        payloads: Sequence[Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, list[Any]]:
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
        refuse_job_as_key(key, "io.batch_invoke_and_wait")
        requests = _requests(job, payloads)
        limit = None if timeout is None else seconds_of(timeout, what="timeout")
        job_id = requests[0].job_id if requests else invoke_request(job, None).job_id
        options = TaskOptions(
            operation="batch_invoke_and_wait",
            name=f"Batch Invoke '{job_id}'",
            params=params_text({"job": job_id, "count": len(requests), "payloads": _digest(requests)}),
            wait=RunsWait(requests, limit),
            codec=NOTIFICATIONS,
            wrap=Outputs(job, is_batch=True),
            details=details_text(properties=timeout_property(limit)),
        )
        return self._start("batch_invoke_and_wait", key, None, options)


def _requests(job: Job[Any, Any] | str | None, payloads: Sequence[Any] | None) -> tuple[InvokeRequest, ...]:
    given = cast("object", payloads)
    if payloads is None or isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise InvalidArgumentError(f"io.batch_invoke_and_wait needs a list of payloads; it was given {payloads!r:.60}.")
    if len(payloads) > BATCH_LIMIT:
        raise InvalidArgumentError(
            f"io.batch_invoke_and_wait starts at most {BATCH_LIMIT:,} runs; it was given {len(payloads):,}."
        )
    return tuple(_request(job, item, position) for position, item in enumerate(payloads))


def _request(job: Job[Any, Any] | str | None, item: Any, position: int) -> InvokeRequest:
    payload, options = item, cast("Mapping[str, Any]", {})
    pair: Any = item
    if isinstance(item, tuple) and len(pair) == 2 and isinstance(pair[1], Mapping):
        payload, options = pair
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise InvalidArgumentError(
            f"payloads[{position}] has the option {unknown[0]!r}; the options are {', '.join(_OPTIONS)}. A payload "
            "that is a pair itself is given as a list."
        )
    request = invoke_request(job, payload, **options)
    check_payload(job, request, f"payloads[{position}]: ")
    return request


def _digest(requests: Sequence[InvokeRequest]) -> str:
    """Tell batches apart: what each run is started with is stored with the run itself."""
    digest = sha256()
    for request in requests:
        text = invoke_params(request) or ""
        digest.update(f"{len(text)}:{text}".encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]
