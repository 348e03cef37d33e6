"""`client.sync`: the client's calls for threads without an event loop, made from the async ones."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from perdure.sdk.current import refuse_in_job

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.sdk.client import Client
    from perdure.sdk.handle import RunHandle
    from perdure.sdk.job import Job
    from perdure.sdk.node import Connection
    from perdure.sdk.sync_io.handle import SyncRunHandle

C = TypeVar("C")
OwnC = TypeVar("OwnC", covariant=True)
"""Covariant, so that blocking calls of a part of the client can be made of the whole."""

P = ParamSpec("P")
R = TypeVar("R")


_IO_FORMS = {
    "send_event": "io.send_event",
    "send_events": "io.send_events",
    "get_event": "io.get_event",
    "cancel_event": "io.cancel_event",
    "register_schedule": "the schedule's register",
    "unregister_schedule": "the schedule's unregister",
    "register_trigger": "the trigger's register",
    "update_status": "the update of what io.create_status gives",
}
"""What a job uses in place of a call of the client; of the others, `io.run_task` with them in its body."""


class Blocking(Generic[OwnC]):
    """Calls in their blocking form. They work from any thread without a running event loop.

    Raises (every call): SyncInAsyncError: This thread runs an event loop.
    """

    path = "client.sync"
    """How users spell it."""

    def __init__(self, calls: OwnC, client: Client) -> None:
        self.calls = calls
        self.client = client

    def io_form(self, call: str) -> str:
        """Say what a job uses in place of a call."""
        return _IO_FORMS.get(call, "io.run_task")


def blocking(call: Callable[Concatenate[C, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Blocking[C], P], R]:
    """Make the blocking form of an async call: same arguments, result and errors."""

    @functools.wraps(call)
    def run(self: Blocking[C], /, *args: P.args, **kwargs: P.kwargs) -> R:
        # Here, not in the call: what runs on the node's loop does not know which thread asked.
        refuse_in_job(f"{self.path}.{call.__name__}", self.io_form(call.__name__))
        return self.client.connected().run_blocking(call(self.calls, *args, **kwargs))

    return run


class SyncClient(Blocking["Client"]):
    """The client's calls, blocking."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, client)

    @overload
    def invoke(
        self,
        job: Job[Any, R],
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> SyncRunHandle[R]: ...

    @overload
    def invoke(
        self,
        job: str,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> SyncRunHandle[Any]: ...

    def invoke(
        self,
        job: Job[Any, Any] | str,
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> SyncRunHandle[Any]:
        """`Client.invoke`, blocking; the handle's calls block too."""
        refuse_in_job("client.sync.invoke", "io.invoke")
        node = self.client.connected()
        invoked = self.client.invoke(
            job,
            payload,
            idempotency_key=idempotency_key,
            context=context,
            account_id=account_id,
            callback_url=callback_url,
        )
        return _blocking_handle(node.run_blocking(invoked), node)

    def rerun(self, run_id: str) -> SyncRunHandle[Any]:
        """`Client.rerun`, blocking; the handle's calls block too."""
        refuse_in_job("client.sync.rerun", "io.run_task")
        node = self.client.connected()
        return _blocking_handle(node.run_blocking(self.client.rerun(run_id)), node)


def _blocking_handle(handle: RunHandle[R], node: Connection) -> SyncRunHandle[R]:
    from perdure.sdk.sync_io.handle import SyncRunHandle

    return SyncRunHandle(handle, node.run_blocking)
