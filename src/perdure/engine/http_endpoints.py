"""HTTP endpoints: requests from outside, stored before they are answered (v2 protocol, section 11.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from perdure.engine.event_views import answer_of_event
from perdure.engine.source_intake import SOURCE_PREFIX
from perdure.errors import InvalidArgumentError, NotConnectedError, NotFoundError
from perdure.protocol.endpoint import Responder
from perdure.protocol.json_text import load
from perdure.protocol.platform import HttpEndpointAnswer
from perdure.protocol.received import EVENT_PREFIX, GivenResponse, ReceivedRequest, delivery_id, json_body, request_of
from perdure.protocol.request_filter import NOT_JSON, CompiledRequestFilter, compile_request_filter
from perdure.storage import http_endpoints
from perdure.storage.http_endpoints import HttpEndpointRow

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.events import Events
    from perdure.engine.receiving_urls import ReceivingUrls
    from perdure.engine.source_intake import SourceIntake
    from perdure.protocol.events import EventAnswer
    from perdure.storage.interface import Storage

MOST = 1000
"""How many HTTP endpoints are listed."""

UNKNOWN = "Could not find http endpoint"
_REPLAYED = re.compile(r":replay:[0-9]+$")


class Target(Struct, frozen=True):
    """Where a request goes."""

    environment_no: int
    row: HttpEndpointRow


class HttpEndpoints:
    """Takes requests in.

    Args:
        storage: The database.
        clock: The time.
        directory: Knows the environments and the apps.
        events: Stores requests.
        intake: Takes the requests of webhooks and of external sources.
        urls: Makes URLs.

    Attributes:
        intake: Takes the requests of webhooks and of external sources.
        now: Gives the time.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        events: Events,
        intake: SourceIntake,
        urls: ReceivingUrls,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self.now = clock.now
        self._directory = directory
        self._events = events
        self.intake = intake
        self._urls = urls

    async def find(self, key: str, code: str) -> Target:
        """Find what a URL leads to.

        Raises:
            NotFoundError: Nothing.
        """
        try:
            environment_no = self._urls.find_environment(key, code)
        except NotFoundError:
            # The v2 protocol looks for the endpoint first: an id that there is nowhere is what is wrong.
            for number in list(self._directory.tenants):
                if await self._storage.read(http_endpoints.find, number, key=key) is not None:
                    raise
            raise NotFoundError(UNKNOWN) from None
        row = await self._storage.read(http_endpoints.find, environment_no, key=key)
        if row is None:
            raise NotFoundError(UNKNOWN)
        return Target(environment_no, row)

    async def list(self, environment_no: int) -> list[HttpEndpointAnswer]:
        """List the HTTP endpoints of an environment, by id."""
        rows = await self._storage.read(http_endpoints.list_enabled, environment_no, limit=MOST)
        return [
            HttpEndpointAnswer(row.key, self._urls.of_endpoint(environment_no, row.key), row.source, row.endpoint_id)
            for row in rows
        ]

    async def get(self, environment_no: int, key: str) -> HttpEndpointAnswer:
        """Look an HTTP endpoint up.

        Raises:
            NotFoundError: There is none of that id, or its app no longer declares it.
        """
        row = await self._storage.read(http_endpoints.find, environment_no, key=key)
        if row is None:
            raise NotFoundError(f"There is no HTTP endpoint {key!r:.80} in this environment.")
        return HttpEndpointAnswer(row.key, self._urls.of_endpoint(environment_no, row.key), row.source, row.endpoint_id)

    async def replay(self, environment_no: int, event_id: str) -> EventAnswer:
        """Take in a request once more that was received as an event; it starts runs as it would now.

        Raises:
            NotFoundError: There is no such event in this environment, or no app takes such requests any more.
            InvalidArgumentError: It is no request.
        """
        event = (await self._events.get(environment_no, event_id)).event
        request = request_of(event.payload)
        again = f"{_REPLAYED.sub('', event_id)}:replay:{self._clock.now_ms()}"
        taken: EventAnswer | None = None
        if request is not None and event.name.startswith(SOURCE_PREFIX):
            key = event.name.removeprefix(SOURCE_PREFIX)
            taken = answer_of_event(await self.intake.replay(environment_no, key, request, event_id=again))
        elif request is not None and event.name.startswith(EVENT_PREFIX):
            key = event.name.removeprefix(EVENT_PREFIX)
            row = await self._storage.read(http_endpoints.find, environment_no, key=key)
            if row is None:
                raise NotFoundError(f"There is no HTTP endpoint {key!r:.80} in this environment any more.")
            taken = await self._take_in(Target(environment_no, row), request, again)
        if taken is None:
            raise InvalidArgumentError(
                f"The event {event_id!r:.80} is no request that an HTTP endpoint or a source takes."
            )
        return taken

    async def receive(self, target: Target, request: ReceivedRequest) -> GivenResponse:
        """Have a request answered by its app, if that wants to, and store it as an event that starts runs.

        Returns:
            The response, when the request is durable.

        Raises:
            NotConnectedError: The app that is to answer is not there.
            PerdureError: It does not say what to answer, or the request cannot be stored.
        """
        environment_no, row = target.environment_no, target.row
        response = GivenResponse()
        if row.response_filter is not None:
            wanted = compile_request_filter(load(row.response_filter), lenient=True)
            if matches_request(wanted, request):
                response = await self._ask(environment_no, row, request)
                if row.skips_runs or response.status != 200:
                    return response
        named = delivery_id(request, row.delivery_id)
        event_id = None if named is None else f"httpep_{row.number}.{named}"
        await self._take_in(target, request, event_id)
        return response

    async def _take_in(self, target: Target, request: ReceivedRequest, event_id: str | None) -> EventAnswer | None:
        """Store a request; the event that it is, or ``None`` if its webhook is not active."""
        environment_no, row = target.environment_no, target.row
        name = f"{EVENT_PREFIX}{row.key}"
        webhook = await self.intake.find_webhook(environment_no, row.key)
        if webhook is None:
            return await self._events.receive(environment_no, request, name=name, source=row.source, event_id=event_id)
        if not webhook.is_active:
            return None
        return answer_of_event(await self.intake.receive(webhook, request, name=name, event_id=event_id))

    async def _ask(self, environment_no: int, row: HttpEndpointRow, request: ReceivedRequest) -> GivenResponse:
        app: object = self._directory.app(environment_no, row.endpoint_id)
        if not isinstance(app, Responder):
            raise NotConnectedError("The app that answers these requests is not there; send the request again later.")
        return await app.respond(row.key, request)


def matches_request(compiled: CompiledRequestFilter, request: ReceivedRequest) -> bool:
    """Say whether a request filter matches a request."""
    body = json_body(request)
    value: Any = NOT_JSON if body is None else load(body)
    query = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    return compiled.matches(method=request.method, headers=request.headers, query=query, body=value)
