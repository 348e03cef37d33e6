"""The way to the workers of one app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.engine.workers import Workers
    from perdure.protocol.messages.execution import KnownTask
    from perdure.protocol.outbound import OutboundRequest, OutboundResponse


class Carrier:
    """Carries actions to the workers of an app: what `HttpEndpoint` sends them with."""

    def __init__(self, workers: Workers, endpoint_id: str) -> None:
        self._workers = workers
        self._endpoint_id = endpoint_id

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Have a worker do an action; see `Workers.request`."""
        return await self._workers.request(self._endpoint_id, request)

    def is_there(self, worker_id: str) -> bool:
        """Whether a worker is connected, and takes runs; see `perdure.transport.kept_runs.Keepers`."""
        return self._workers.is_there(self._endpoint_id, worker_id)

    def abort(self, run_id: str) -> None:
        """Have whoever may have a run stop it, or forget it; see `Workers.abort`."""
        self._workers.abort(self._endpoint_id, run_id)

    def resolve(self, run_id: str, epoch: int, tasks: list[KnownTask]) -> bool:
        """Tell whoever executes a run of waits that are over; see `Workers.resolve`."""
        return self._workers.resolve(self._endpoint_id, run_id, epoch, tasks)
