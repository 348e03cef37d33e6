"""`io.invoke_and_wait`: start a run of another job and wait for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.errors import PayloadValidationError
from perdure.protocol.task_waits import InvokeRequest, RunsWait
from perdure.sdk.durations import seconds_of
from perdure.sdk.events import invoke_request
from perdure.sdk.io.invoke import invoke_params, refuse_job_as_key
from perdure.sdk.io.options import TaskOptions, details_text
from perdure.sdk.io.part import Part
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT, timeout_property
from perdure.sdk.job import Job
from perdure.sdk.notifications import NotificationsCodec, outputs_of, record_of, stand_in_of
from perdure.sdk.plain_codec import PLAIN

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.messages.notifications import RunNotification
    from perdure.sdk.codec import Codec

T = TypeVar("T")

NOTIFICATIONS = NotificationsCodec()


class AwaitedInvokeCalls(Part):
    """Invoking a job and waiting for what its run comes to."""

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
    ) -> Coroutine[Any, Any, T]: ...

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
    ) -> Coroutine[Any, Any, T]: ...

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
    ) -> Coroutine[Any, Any, Any]: ...

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
    ) -> Coroutine[Any, Any, Any]:
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
        refuse_job_as_key(key, "io.invoke_and_wait")
        request = invoke_request(
            job,
            payload,
            idempotency_key=idempotency_key,
            context=context,
            account_id=account_id,
            callback_url=callback_url,
        )
        check_payload(job, request, "")
        limit = None if timeout is None else seconds_of(timeout, what="timeout")
        options = TaskOptions(
            operation="invoke_and_wait",
            name=f"Manually Invoke '{request.job_id}' and wait for completion",
            params=invoke_params(request),
            wait=RunsWait((request,), limit),
            codec=NOTIFICATIONS,
            wrap=Outputs(job, is_batch=False),
            details=details_text(properties=timeout_property(limit)),
        )
        return self._start("invoke_and_wait", key, None, options)


class Outputs:
    """Makes the call's result of the task's output.

    Args:
        job: The job, or its id.
        is_batch: Whether the result is a list.
    """

    def __init__(self, job: Job[Any, Any] | str | None, *, is_batch: bool) -> None:
        self._job_id = job.id if isinstance(job, Job) else str(job)
        self._codec: Codec | None = job.output_codec if isinstance(job, Job) else None
        self._is_batch = is_batch

    def __call__(self, told: list[RunNotification]) -> Any:
        outputs = outputs_of([record_of(one, self._codec) for one in told], is_batch=self._is_batch)
        return outputs if self._is_batch else outputs[0]

    def unwrap(self, result: Any) -> list[dict[str, Any]]:
        """Give the stored form of an output, or of the outputs of a batch."""
        codec = PLAIN if self._codec is None else self._codec
        outputs: list[Any] = list(result) if self._is_batch else [result]
        return [stand_in_of(self._job_id, codec.encode(output)) for output in outputs]


def check_payload(job: Job[Any, Any] | str | None, request: InvokeRequest, place: str) -> None:
    """Refuse a payload that the job would refuse, if the job is at hand."""
    if not isinstance(job, Job):
        return
    try:
        job.parse_payload(request.payload)
    except PayloadValidationError as error:
        raise PayloadValidationError(f"{place}{error.message}", issues=error.issues) from error
