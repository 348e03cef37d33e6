"""`io.invoke`: start a run of another job from within a run, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from perdure.errors import InvalidArgumentError
from perdure.sdk.events import invoke_request
from perdure.sdk.handle import RunHandle
from perdure.sdk.io.options import TaskOptions, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.execution import JsonText
    from perdure.protocol.keys import CacheKey
    from perdure.protocol.platform import Platform
    from perdure.protocol.task_waits import InvokeRequest
    from perdure.sdk.codec import Codec
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.body import RunningTask


T = TypeVar("T")


class InvokeCalls(Part):
    """Invoking jobs."""

    @overload
    def invoke(
        self,
        key: CacheKey | None,
        job: Job[Any, T],
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> Coroutine[Any, Any, RunHandle[T]]: ...

    @overload
    def invoke(
        self,
        *,
        job: Job[Any, T],
        payload: Any = None,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> Coroutine[Any, Any, RunHandle[T]]: ...

    @overload
    def invoke(
        self,
        key: CacheKey | None = None,
        job: str | None = None,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> Coroutine[Any, Any, RunHandle[Any]]: ...

    def invoke(
        self,
        key: CacheKey | None = None,
        job: Job[Any, Any] | str | None = None,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> Coroutine[Any, Any, RunHandle[Any]]:
        """Start a run of a job and go on without waiting for it.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            job: The job, or its id.
            payload: A JSON value or a model; default ``{}``.
            idempotency_key: The same key for the same job gives the first run again; default: one that belongs
                to this task.
            context: Handed on as ``ctx.event.context``.
            account_id: The external account the run concerns.
            callback_url: Is told of the run's end by POST (v2 protocol, section 6.10).

        Returns:
            A handle whose ``id`` is the new run's.

        Raises:
            NotFoundError: The environment has never seen that job.
            JobDisabledError: Its app, which is elsewhere, declares it no more.

        See also: v2 protocol, section 8.4.
        """
        refuse_job_as_key(key, "io.invoke")
        platform = self._execution.host.platform
        request = invoke_request(
            job,
            payload,
            idempotency_key=idempotency_key,
            context=context,
            account_id=account_id,
            callback_url=callback_url,
        )
        options = TaskOptions(
            operation="invoke",
            name=f"Manually Invoke '{request.job_id}'",
            params=invoke_params(request),
            as_type=str,
            wrap=_Handles(platform, job.output_codec if isinstance(job, Job) else None),
        )
        return self._start("invoke", key, _Invoke(self._execution, request), options, _Invoke)


def refuse_job_as_key(key: object, call: str) -> None:
    """Refuse a job that was given in place of the key.

    Raises:
        InvalidArgumentError: It was.
    """
    if isinstance(key, Job):
        raise InvalidArgumentError(
            f'{call} takes its cache key first: {call}("key", job, …); to get an automatic key, name job=.'
        )


def invoke_params(request: InvokeRequest) -> JsonText | None:
    """The parameters of a call that starts a run: shown, and compared on replay."""
    return params_text(
        {
            "job": request.job_id,
            "payload": msgspec.Raw(request.payload),
            "context": msgspec.Raw(request.context),
            "account_id": request.account_id,
            "idempotency_key": request.idempotency_key,
        }
    )


class _Handles:
    """Makes handles of run ids."""

    def __init__(self, platform: Platform, codec: Codec | None) -> None:
        self._platform = platform
        self._codec = codec

    def __call__(self, run_id: str) -> RunHandle[Any]:
        return RunHandle(run_id, self._call, self._codec)

    async def _call(self, work: Callable[[Platform], Coroutine[Any, Any, Any]]) -> Any:
        return await work(self._platform)


class _Invoke:
    """The body: invokes with a key that belongs to the task."""

    def __init__(self, execution: Execution, request: InvokeRequest) -> None:
        self._execution = execution
        self._request = request

    async def __call__(self, task: RunningTask) -> str:
        request = self._request
        if request.idempotency_key is None:
            request = msgspec.structs.replace(request, idempotency_key=task.idempotency_key)
        return await self._execution.held_platform.invoke_job(request)
