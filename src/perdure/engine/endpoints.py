"""Apps behind URLs: registered, asked what they declare, and remembered for when the node starts again."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from perdure.engine.errands import Errands
from perdure.engine.indexings import Indexing, Indexings
from perdure.engine.probes import Probes
from perdure.engine.reindexing import REINDEXED, ask_from_time_to_time
from perdure.engine.requeues import back_off
from perdure.errors import DuplicateJobError, InvalidArgumentError, NotFoundError, PerdureError, RunError
from perdure.protocol.administration import EndpointAnswer
from perdure.protocol.outbound import OutboundRequest, check_outbound
from perdure.storage import endpoints
from perdure.transport.http_endpoint import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.registration import Registration
    from perdure.engine.remote_apps import RemoteApps
    from perdure.engine.secret_box import SecretBox
    from perdure.engine.sources import Sources
    from perdure.storage.endpoints import EndpointRow
    from perdure.storage.interface import Storage

MOST = 1000
"""How many endpoints an environment may have."""

LONGEST_ID = 512

HOOK_DELAY = timedelta(seconds=5)
"""How long after a deploy hook an app is asked."""

_PAUSE = timedelta(seconds=1)
"""How long an app that does not answer is left alone at least."""

UNKNOWN = "There is no such endpoint."

_log = logging.getLogger(__name__)


class Endpoints:
    """The endpoints of an environment.

    Args:
        storage: The database.
        clock: The time.
        registration: Takes apps in.
        sources: Has their webhooks and sources registered.
        environment_no: The environment.
        directory: Knows what they host.
        apps: Makes what the engine sees of them.
        secrets: Derives the secret parts of deploy hooks.
        requires_signatures: Whether no app is shown a key.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        registration: Registration,
        sources: Sources,
        directory: Directory,
        apps: RemoteApps,
        *,
        environment_no: int,
        secrets: SecretBox,
        requires_signatures: bool = False,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._registration = registration
        self._sources = sources
        self._directory = directory
        self._apps = apps
        self._environment_no = environment_no
        self._secrets = secrets
        self._requires_signatures = requires_signatures
        self._finding = Errands()
        self._indexings = Indexings(clock)
        self._reindexing: asyncio.Task[None] | None = None
        self._probes = Probes(clock, self._probe)

    async def add(self, endpoint_id: str | None, url: str) -> tuple[EndpointRow, Indexing]:
        """Register an app, or where it is now (v2 protocol, section 4.12): it is asked who it is and what it declares.

        Args:
            endpoint_id: The id that it has; ``None``: it is asked for it.
            url: Where it is.

        Returns:
            Where it is, and what it declares.

        Raises:
            InvalidArgumentError: The id or the URL is none, or there are too many endpoints.
            BlockedAddressError: The URL leads to a closed address.
            FetchFailedError: The app does not answer, or is another one.
            DuplicateJobError: It declares a job id that another endpoint has.
        """
        if endpoint_id is None:
            if self._requires_signatures:
                raise InvalidArgumentError("Name the app with its URL: what it is asked is signed for its id.")
            check_outbound(OutboundRequest("POST", url))
            endpoint_id = await self._apps.open("", url).validate()
        if not 0 < len(endpoint_id) <= LONGEST_ID or not endpoint_id.isprintable():
            raise InvalidArgumentError(f"The id of an endpoint has 1 to {LONGEST_ID} printable characters.")
        check_outbound(OutboundRequest("POST", url))
        app = self._apps.open(endpoint_id, url)
        await app.ping()
        self._apps.recall(app, next((row for row in await self.list() if row.id == endpoint_id), None))
        indexing = await self._index(app)
        await self._finding.cancel(endpoint_id)
        await self._probes.cancel(endpoint_id)
        row = await self._storage.write(
            endpoints.keep_url,
            self._environment_no,
            endpoint_id,
            url=app.url,
            is_signed=app.is_signed,
            now=self._clock.now(),
        )
        return row, indexing

    async def index(self, endpoint_id: str) -> tuple[EndpointRow, Indexing]:
        """Ask an app anew what it declares.

        Returns:
            Where it is, and what it declares.

        Raises:
            NotFoundError: There is no such endpoint.
            FetchFailedError: The app does not answer.
        """
        row = await self._row(endpoint_id)
        return row, await self._index(self._apps.reopen(row))

    async def refresh(self, endpoint_id: str) -> EndpointRow:
        """Ask an app anew as `index` does, for somebody; a little later, for how long its platform lets it work."""
        row, _ = await self.index(endpoint_id)
        self._probes.plan(endpoint_id)
        return row

    async def try_to_index(self, endpoint_id: str) -> tuple[EndpointRow, Indexing]:
        """Ask an app anew as `index` does; what it cannot be registered with is what comes of it, and no error.

        Raises:
            NotFoundError: There is no such endpoint.
        """
        row = await self._row(endpoint_id)
        app = self._apps.reopen(row)
        try:
            return row, await self._index(app)
        except (RunError, DuplicateJobError) as error:
            return row, self._indexings.note_failure(app, error)

    async def _row(self, endpoint_id: str) -> EndpointRow:
        for row in await self.list():
            if row.id == endpoint_id:
                return row
        raise NotFoundError("Endpoint not found")

    async def check_known(self, endpoint_id: str) -> None:
        """Refuse an id that no app of the environment has ever had.

        Raises:
            NotFoundError: None has.
        """
        if not await self._storage.read(endpoints.exists, self._environment_no, endpoint_id):
            raise NotFoundError(f"This environment has never seen an endpoint {endpoint_id!r:.80}.")

    async def last_indexing(self, number: int) -> Indexing | None:
        """Give what the app with this number declared last, since this node was started; ``None``: not yet.

        Raises:
            NotFoundError: There is no such endpoint.
        """
        for row in await self.list():
            if row.number == number:
                return self._indexings.last(row.id)
        raise NotFoundError("Endpoint not found")

    async def list(self) -> list[EndpointRow]:
        """List the endpoints that have a URL, by id."""
        return await self._storage.read(endpoints.list_with_url, self._environment_no, limit=MOST)

    async def begin(self) -> None:
        """Find the apps that were registered once; those that do not answer are asked again until they do."""
        for row in await self.list():
            self._finding.begin(row.id, self._find(self._apps.reopen(row)))
        tenant = self._directory.tenants[self._environment_no]
        if tenant.environment.type in REINDEXED and self._reindexing is None:
            self._reindexing = asyncio.create_task(ask_from_time_to_time(self._clock, self))

    async def list_stale(self, since: datetime) -> Sequence[str]:
        """List the apps that have been asked, but not since then."""
        stale = self._indexings.list_before(since)
        return [row.id for row in await self.list() if row.id in stale and row.id not in self._finding]

    async def ask_anew(self, endpoint_id: str) -> None:
        """Ask an app anew what it declares; errors are those of `index`."""
        await self.index(endpoint_id)

    async def stop(self) -> None:
        """Look for apps no more."""
        if self._reindexing is not None:
            self._reindexing.cancel()
            await asyncio.gather(self._reindexing, return_exceptions=True)
        await self._probes.stop()
        await self._finding.stop()

    async def remove(self, endpoint_id: str) -> None:
        """Forget where an app is: its jobs start no more, and their runs wait until it is registered again.

        Raises:
            NotFoundError: There is no such endpoint.
        """
        await self._finding.cancel(endpoint_id)
        await self._probes.cancel(endpoint_id)
        if not await self._storage.write(endpoints.remove_url, self._environment_no, endpoint_id):
            raise NotFoundError("Endpoint not found")
        self._indexings.forget(endpoint_id)
        self._apps.forget(endpoint_id)
        await self._registration.forget(self._environment_no, endpoint_id)

    def show(self, row: EndpointRow) -> EndpointAnswer:
        """Show an endpoint, with what it hosts now."""
        job_ids = self._directory.job_ids(self._environment_no, row.id)
        url = "" if row.url is None else row.url
        path = f"/api/v1/endpoints/{self._environment_id()}/{quote(row.id, safe='')}/index/{self.hook(row.id)}"
        last = self._indexings.last(row.id)
        warnings = () if last is None or last.index is None else last.index.warnings
        return EndpointAnswer(
            row.id, url, job_ids is not None, tuple(job_ids or ()), path, row.created_at, row.updated_at, warnings
        )

    def hook(self, endpoint_id: str) -> str:
        """Give the secret part of an app's deploy hook, the same each time."""
        return self._secrets.deploy_hook(self._environment_id(), endpoint_id)

    async def index_later(self, endpoint_id: str, code: str) -> None:
        """Ask an app anew what it declares, when its deploy is likely to be over (v2 protocol, section 4.12).

        Raises:
            NotFoundError: There is no such endpoint, or that is not the secret part of its hook.
        """
        if not self._secrets.is_deploy_hook(self._environment_id(), endpoint_id, code):
            raise NotFoundError(UNKNOWN)
        found = next((row for row in await self.list() if row.id == endpoint_id), None)
        if found is None:
            raise NotFoundError(UNKNOWN)
        # Whoever calls it again meanwhile is late enough for that one; one that is being looked for is asked anyway.
        if endpoint_id not in self._finding:
            self._finding.begin(endpoint_id, self._index_later(self._apps.reopen(found)))

    async def _index_later(self, app: HttpEndpoint) -> None:
        await self._clock.wait(asyncio.Event(), self._clock.now() + HOOK_DELAY)
        try:
            await self._index(app)
        except PerdureError as error:
            _log.warning("Endpoint %s could not be asked after its deploy: %s", app.id, error)

    async def _probe(self, endpoint_id: str) -> None:
        app = self._directory.app(self._environment_no, endpoint_id)
        # Meanwhile it may have become one that is told no limit: workers have dialled in, or an older app is there.
        if isinstance(app, HttpEndpoint) and app.may_be_probed and await app.probe():
            _log.info("Endpoint %s may take %.0f s for an execution.", endpoint_id, app.limit.ms / 1000)

    def _environment_id(self) -> str:
        return self._directory.tenants[self._environment_no].environment.id

    async def _find(self, app: HttpEndpoint) -> None:
        failures = 0
        while True:
            try:
                await self._index(app)
                return
            except PerdureError as error:
                failures += 1
                _log.warning("Endpoint %s is not there yet: %s", app.id, error)
                await self._clock.wait(asyncio.Event(), self._clock.now() + max(back_off(failures), _PAUSE))

    async def _index(self, app: HttpEndpoint) -> Indexing:
        """Have an app say what it declares, and remember that, also if it cannot be registered so."""
        try:
            index = await self._registration.register(self._environment_no, app)
            await self._sources.declare(self._environment_no, index)
        except PerdureError as error:
            if self._indexings.last(app.id) is not None:
                self._indexings.note_failure(app, error)
            raise
        if app.has_moved:
            await self._storage.write(
                endpoints.move_url, self._environment_no, app.id, url=app.url, now=self._clock.now()
            )
        return self._indexings.note(app, index)
