"""Apps behind URLs: registered, asked what they declare, and remembered for when the node starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.indexings import Indexing, Indexings
from perdure.engine.lookout import Lookout
from perdure.errors import DuplicateJobError, InvalidArgumentError, NotFoundError, RunError
from perdure.protocol.administration import EndpointAnswer
from perdure.protocol.outbound import OutboundRequest, check_outbound
from perdure.storage import endpoints

if TYPE_CHECKING:
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

    Attributes:
        lookout: Asks them when nobody waits for that.
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
        self._directory = directory
        self._apps = apps
        self._environment_no = environment_no
        self._requires_signatures = requires_signatures
        self._indexings = Indexings(storage, clock, registration, sources, environment_no=environment_no)
        self.lookout = Lookout(
            clock, directory, apps, self._indexings, secrets, self.list, environment_no=environment_no
        )

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
        indexing = await self._indexings.ask(app)
        await self.lookout.cancel(endpoint_id)
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
        return row, await self._indexings.ask(self._apps.reopen(row))

    async def refresh(self, endpoint_id: str) -> EndpointRow:
        """Ask an app anew as `index` does, for somebody; a little later, for how long its platform lets it work."""
        row, _ = await self.index(endpoint_id)
        self.lookout.plan_probe(endpoint_id)
        return row

    async def try_to_index(self, endpoint_id: str) -> tuple[EndpointRow, Indexing]:
        """Ask an app anew as `index` does; what it cannot be registered with is what comes of it, and no error.

        Raises:
            NotFoundError: There is no such endpoint.
        """
        row = await self._row(endpoint_id)
        app = self._apps.reopen(row)
        try:
            return row, await self._indexings.ask(app)
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

    async def remove(self, endpoint_id: str) -> None:
        """Forget where an app is: its jobs start no more, and their runs wait until it is registered again.

        Those of which workers have dialled in go on.

        Raises:
            NotFoundError: There is no such endpoint.
        """
        await self.lookout.cancel(endpoint_id)
        if not await self._storage.write(endpoints.remove_url, self._environment_no, endpoint_id):
            raise NotFoundError("Endpoint not found")
        self._indexings.forget(endpoint_id)
        self._apps.forget(endpoint_id)
        if not self.lookout.dials_in(endpoint_id):
            await self._registration.forget(self._environment_no, endpoint_id)

    def show(self, row: EndpointRow) -> EndpointAnswer:
        """Show an endpoint, with what it hosts now."""
        job_ids = self._directory.job_ids(self._environment_no, row.id)
        url = "" if row.url is None else row.url
        last = self._indexings.last(row.id)
        warnings = () if last is None or last.index is None else last.index.warnings
        return EndpointAnswer(
            row.id,
            url,
            job_ids is not None,
            tuple(job_ids or ()),
            self.lookout.hook_path(row.id),
            row.created_at,
            row.updated_at,
            warnings,
        )
