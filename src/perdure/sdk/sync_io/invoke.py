"""The calls of `perdure.sdk.io.invoke`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.blocking import SyncPart
from perdure.sdk.sync_io.handle import SyncRunHandle

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey
    from perdure.sdk.job import Job

T = TypeVar("T")


class SyncInvokeCalls(SyncPart):
    """`InvokeCalls` for plain functions: the same calls, blocking.

    Invoking jobs.
    """

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
    ) -> SyncRunHandle[T]: ...

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
    ) -> SyncRunHandle[T]: ...

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
    ) -> SyncRunHandle[Any]: ...

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
    ) -> SyncRunHandle[Any]:
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
        call: Any = self._io.invoke
        result: SyncRunHandle[Any] = SyncRunHandle(
            self._run(
                call(
                    key,
                    job,
                    payload,
                    idempotency_key=idempotency_key,
                    context=context,
                    account_id=account_id,
                    callback_url=callback_url,
                )
            ),
            self._run,
        )
        return result
