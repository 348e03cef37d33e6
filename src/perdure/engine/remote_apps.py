"""What the engine sees of apps elsewhere, and what it keeps of each while the app is asked anew."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from perdure.errors import StorageError
from perdure.storage import endpoints, jobs, run_outcomes
from perdure.transport.app_link import AppLink
from perdure.transport.chunk_limit import ChunkLimit
from perdure.transport.http_endpoint import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.engine.carrier import Carrier
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.requesters import Requesters
    from perdure.engine.tracing import Headers
    from perdure.protocol.json_text import JsonText
    from perdure.protocol.messages.execution import RunMetadata
    from perdure.storage.endpoints import EndpointRow
    from perdure.storage.interface import Storage
    from perdure.transport.app_link import Requester
    from perdure.transport.kept_runs import Keepers


class RemoteApps:
    """Makes them, for one environment.

    Args:
        storage: The database.
        clock: The time.
        hints: Are told of runs that have changed.
        requesters: Send what they are asked.
        environment_no: The environment.
        api_keys: Gives what they may know the server by, likeliest first.
        requires_signatures: Whether no app is shown a key.
        trace_headers: Gives the headers that continue a trace there.
        life: Which start of the server this is (`perdure.protocol.epochs`).
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        hints: Hints,
        requesters: Requesters,
        *,
        environment_no: int,
        api_keys: Callable[[], Sequence[str]],
        requires_signatures: bool,
        trace_headers: Callable[[], Headers],
        life: int,
    ) -> None:
        self._storage = storage
        self._life = life
        self._clock = clock
        self._hints = hints
        self._requesters = requesters
        self._environment_no = environment_no
        self._api_keys = api_keys
        self._requires_signatures = requires_signatures
        self._trace_headers = trace_headers
        self._limits: dict[str, ChunkLimit] = {}

    def open(self, endpoint_id: str, url: str, *, is_signed: bool = False) -> HttpEndpoint:
        """Make an app behind a URL of which nothing is known."""
        requester = self._requesters.of(self._environment_no)
        return self._make(endpoint_id, url, requester, is_bounded=True, is_signed=is_signed)

    def reopen(self, row: EndpointRow) -> HttpEndpoint:
        """Make an app that is registered, with what is known of it."""
        app = self.open(row.id, "" if row.url is None else row.url, is_signed=row.is_signed)
        self.recall(app, row)
        return app

    def recall(self, app: HttpEndpoint, row: EndpointRow | None) -> None:
        """Let an app be what is known of it; nothing is if it was not there, or elsewhere, until now."""
        if row is None or row.url != app.url:
            self.forget(app.id)
            row = None
        limit = self._limits.get(app.id)
        if limit is None:
            known = None if row is None else row.chunk_ms
            limit = self._limits[app.id] = ChunkLimit(known, keeps=partial(self._keep_limit, app.id))
        # All that ask the app share it, since it may be learned by one of them that is asked no more.
        app.limit = limit

    def forget(self, endpoint_id: str) -> None:
        """Forget what is known of an app."""
        self._limits.pop(endpoint_id, None)

    def open_worker(self, endpoint_id: str, carrier: Carrier) -> HttpEndpoint:
        """Make an app whose workers have dialled in."""
        return self._make(
            endpoint_id, f"worker:{endpoint_id}", carrier, is_bounded=False, is_signed=True, keepers=carrier
        )

    def _make(
        self,
        endpoint_id: str,
        url: str,
        requester: Requester,
        *,
        is_bounded: bool,
        is_signed: bool,
        keepers: Keepers | None = None,
    ) -> HttpEndpoint:
        link = AppLink(
            endpoint_id,
            url,
            api_keys=self._api_keys,
            trace_headers=self._trace_headers,
            requester=requester,
            is_signed=is_signed or self._requires_signatures,
        )
        return HttpEndpoint(
            link,
            now=self._clock.now,
            monotonic=self._clock.monotonic,
            listens=self._keep_listening,
            is_bounded=is_bounded,
            keepers=keepers,
            keeps=self._keep_properties,
            life=self._life,
        )

    async def _keep_limit(self, endpoint_id: str, chunk_ms: int) -> None:
        # It is known as long as the node is at work, and will show again.
        with suppress(StorageError):
            await self._storage.write(endpoints.keep_chunk, self._environment_no, endpoint_id, chunk_ms=chunk_ms)

    async def _keep_properties(self, run_id: str, epoch: int, properties: JsonText) -> bool:
        is_held = await self._storage.write(
            run_outcomes.keep_properties_if_executing,
            self._environment_no,
            run_id,
            epoch=epoch,
            properties=properties,
            now=self._clock.now(),
        )
        self._hints.run_has_changed(run_id)
        return is_held

    async def _keep_listening(self, job_id: str, listens: RunMetadata) -> None:
        await self._storage.write(
            jobs.keep_listening,
            self._environment_no,
            job_id,
            success=listens.success_subscription,
            failure=listens.failed_subscription,
        )
