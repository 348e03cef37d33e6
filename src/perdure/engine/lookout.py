"""Asking apps behind URLs when nobody waits for it: until they are there, after a deploy, and from time to time."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from perdure.engine.errands import Errands
from perdure.engine.probes import Probes
from perdure.engine.reindexing import REINDEXED, ask_from_time_to_time
from perdure.engine.requeues import back_off
from perdure.errors import NotFoundError, PerdureError
from perdure.transport.http_endpoint import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.indexings import Indexings
    from perdure.engine.remote_apps import RemoteApps
    from perdure.engine.secret_box import SecretBox
    from perdure.storage.endpoints import EndpointRow

HOOK_DELAY = timedelta(seconds=5)
"""How long after a deploy hook an app is asked."""

_PAUSE = timedelta(seconds=1)
"""How long an app that does not answer is left alone at least."""

UNKNOWN = "There is no such endpoint."

_log = logging.getLogger(__name__)


class Lookout:
    """Asks the apps of an environment in the background, one thing of each at a time.

    Args:
        clock: The time.
        directory: Knows what they host.
        apps: Makes what the engine sees of them.
        indexings: Asks them what they declare.
        secrets: Derives the secret parts of deploy hooks.
        list_rows: Lists those that have a URL.
        environment_no: The environment.
    """

    def __init__(
        self,
        clock: Clock,
        directory: Directory,
        apps: RemoteApps,
        indexings: Indexings,
        secrets: SecretBox,
        list_rows: Callable[[], Awaitable[list[EndpointRow]]],
        *,
        environment_no: int,
    ) -> None:
        self._clock = clock
        self._directory = directory
        self._apps = apps
        self._indexings = indexings
        self._secrets = secrets
        self._list_rows = list_rows
        self._environment_no = environment_no
        self._finding = Errands()
        self._reindexing: asyncio.Task[None] | None = None
        self._probes = Probes(clock, self._probe)

    async def begin(self) -> None:
        """Find the apps that were registered once; those that do not answer are asked again until they do."""
        for row in await self._list_rows():
            self._finding.begin(row.id, self._find(self._apps.reopen(row)))
        tenant = self._directory.tenants[self._environment_no]
        if tenant.environment.type in REINDEXED and self._reindexing is None:
            self._reindexing = asyncio.create_task(ask_from_time_to_time(self._clock, self))

    async def cancel(self, endpoint_id: str) -> None:
        """Do no more about an app: it is gone, or elsewhere."""
        await self._finding.cancel(endpoint_id)
        await self._probes.cancel(endpoint_id)

    async def stop(self) -> None:
        """Look for apps no more."""
        if self._reindexing is not None:
            self._reindexing.cancel()
            await asyncio.gather(self._reindexing, return_exceptions=True)
        await self._probes.stop()
        await self._finding.stop()

    # After a deploy.

    def hook(self, endpoint_id: str) -> str:
        """Give the secret part of an app's deploy hook, the same each time."""
        return self._secrets.deploy_hook(self._environment_id(), endpoint_id)

    def hook_path(self, endpoint_id: str) -> str:
        """Give the path of an app's deploy hook."""
        return (
            f"/api/v1/endpoints/{self._environment_id()}/{quote(endpoint_id, safe='')}/index/{self.hook(endpoint_id)}"
        )

    async def index_later(self, endpoint_id: str, code: str) -> None:
        """Ask an app anew what it declares, when its deploy is likely to be over (v2 protocol, section 4.12).

        Raises:
            NotFoundError: There is no such endpoint, or that is not the secret part of its hook.
        """
        if not self._secrets.is_deploy_hook(self._environment_id(), endpoint_id, code):
            raise NotFoundError(UNKNOWN)
        row = await self._row(endpoint_id)
        # Whoever calls it again meanwhile is late enough for that one; one that is being looked for is asked anyway.
        if endpoint_id not in self._finding:
            self._finding.begin(endpoint_id, self._index_later(self._apps.reopen(row)))

    async def _index_later(self, app: HttpEndpoint) -> None:
        await self._clock.wait(asyncio.Event(), self._clock.now() + HOOK_DELAY)
        try:
            await self._indexings.ask(app)
        except PerdureError as error:
            _log.warning("Endpoint %s could not be asked after its deploy: %s", app.id, error)

    # From time to time, and until it is there.

    async def list_stale(self, since: datetime) -> Sequence[str]:
        """List the apps that have been asked, but not since then, and that no worker has brought along since."""
        stale = self._indexings.list_before(since)
        return [
            row.id
            for row in await self._list_rows()
            if row.id in stale and row.id not in self._finding and not self.dials_in(row.id)
        ]

    async def ask_anew(self, endpoint_id: str) -> None:
        """Ask an app anew what it declares.

        Raises:
            NotFoundError: There is no such endpoint.
            FetchFailedError: The app does not answer.
        """
        await self._indexings.ask(self._apps.reopen(await self._row(endpoint_id)))

    def find_again(self, endpoint_id: str) -> None:
        """Ask an app that has a URL until it is there: what has answered for it is gone."""
        if endpoint_id not in self._finding:
            self._finding.begin(endpoint_id, self._find_again(endpoint_id))

    async def _find_again(self, endpoint_id: str) -> None:
        try:
            row = await self._row(endpoint_id)
        except NotFoundError:
            return
        except PerdureError as error:
            _log.warning("Endpoint %s could not be looked for: %s", endpoint_id, error)
            return
        await self._find(self._apps.reopen(row))

    def dials_in(self, endpoint_id: str) -> bool:
        """Whether workers have brought an app along since it was asked at its URL."""
        app = self._directory.app(self._environment_no, endpoint_id)
        return isinstance(app, HttpEndpoint) and app.dials_in

    async def _find(self, app: HttpEndpoint) -> None:
        failures = 0
        while True:
            try:
                await self._indexings.ask(app)
                return
            except PerdureError as error:
                failures += 1
                _log.warning("Endpoint %s is not there yet: %s", app.id, error)
                await self._clock.wait(asyncio.Event(), self._clock.now() + max(back_off(failures), _PAUSE))

    # For how long it may work.

    def plan_probe(self, endpoint_id: str) -> None:
        """Find out a little later for how long an app's platform lets it work."""
        self._probes.plan(endpoint_id)

    async def _probe(self, endpoint_id: str) -> None:
        app = self._directory.app(self._environment_no, endpoint_id)
        # Meanwhile it may have become one that is told no limit: workers have dialled in, or an older app is there.
        if isinstance(app, HttpEndpoint) and app.may_be_probed and await app.probe():
            _log.info("Endpoint %s may take %.0f s for an execution.", endpoint_id, app.limit.ms / 1000)

    async def _row(self, endpoint_id: str) -> EndpointRow:
        for row in await self._list_rows():
            if row.id == endpoint_id:
                return row
        raise NotFoundError(UNKNOWN)

    def _environment_id(self) -> str:
        return self._directory.tenants[self._environment_no].environment.id
