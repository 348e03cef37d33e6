"""The door of an app: a server's request in, the answer out (v2 protocol, section 3)."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from perdure.adapters.actions import Actions
from perdure.adapters.exchange import AppAnswer, AppRequest
from perdure.adapters.refusal import Refusal
from perdure.adapters.runtimes import Runtimes
from perdure.adapters.verification import Verification
from perdure.protocol.messages.headers import ACTION_HEADER, LAZY_CACHED_TASKS_VERSION, NATIVE_HEADER
from perdure.transport.node_link import perdure_version

if TYPE_CHECKING:
    from perdure.protocol.worker_messages import WorkerResolve
    from perdure.sdk.client import Client

_log = logging.getLogger(__name__)
_JSON: Final = {"content-type": "application/json"}
_FAILED: Final = b'{"message":"The app failed; its log says how."}'


class AppHandler:
    """Answers what servers ask of a client's jobs, on any number of event loops.

    Args:
        client: The client.
        keeper: By which name suspended runs that stay in memory for a while are asked for here; ``None``: none stay.
        outlives_servers: Whether an execution waits for a server that is started anew.
    """

    def __init__(self, client: Client, *, keeper: str | None = None, outlives_servers: bool = True) -> None:
        self._client = client
        self._verification = Verification(client)
        self._runtimes = Runtimes(client, keeps_runs=keeper is not None, outlives_servers=outlives_servers)
        self._actions = Actions(client, self._runtimes, keeper=keeper)

    async def handle(self, request: AppRequest) -> AppAnswer:
        """Answer a request. Cancel this when nobody waits for the answer any more: what it executes ends then."""
        if request.method == "HEAD":
            return AppAnswer(200, _JSON)
        began = monotonic()
        try:
            is_signed = self._verification.check(request)
            if request.method != "POST":
                raise Refusal(405, "Method not allowed (only POST is allowed)")
            action = request.headers.get(ACTION_HEADER)
            if not action:
                raise Refusal(400, "Missing x-trigger-action header")
            act = self._actions.by_name.get(action)
            if act is None:
                # A server of v2 is answered as its own apps do.
                raise Refusal(400 if is_signed else 405, "Method not allowed", code="unknown_action")
            answer = await act(request)
        except Refusal as refusal:
            headers = {**_JSON, **_versions()} if refusal.has_versions else _JSON
            return AppAnswer(refusal.status, headers, refusal.body())
        except Exception:
            # Code of the app outside of runs, such as a hook: the server asks again.
            _log.exception("What the server asked of client %r failed.", self._client.id)
            return AppAnswer(500, {**_JSON, **_versions()}, _FAILED)
        timing = {"x-trigger-request-timing": f"dur={(monotonic() - began) * 1000:.3f}"}
        return AppAnswer(answer.status, {**_JSON, **_versions(), **timing, **answer.headers}, answer.body)

    def drain(self) -> None:
        """Let what executes on this event loop end between two tasks."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.drain()

    def abort_run(self, run_id: str) -> None:
        """End what executes of a run on this event loop, or forget it if it is suspended."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.abort_run(run_id)

    def resolve(self, over: WorkerResolve) -> None:
        """Let an execution on this event loop go on, waits of which are over."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.resolve(over)

    def abort(self) -> None:
        """End what executes on this event loop at once; it is executed again elsewhere."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.abort()

    async def close(self) -> None:
        """End what executes on this event loop; a further request begins anew."""
        await self._runtimes.close()


def _versions() -> dict[str, str]:
    version = perdure_version()
    return {"trigger-version": LAZY_CACHED_TASKS_VERSION, "trigger-sdk-version": version, NATIVE_HEADER: version}
