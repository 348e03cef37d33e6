"""HTTP endpoints: requests from outside, stored before they are answered (v2 protocol, section 11.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct

from perdure.errors import InvalidArgumentError, NotConnectedError, NotFoundError
from perdure.protocol.endpoint import Responder
from perdure.protocol.json_text import load
from perdure.protocol.platform import HttpEndpointAnswer
from perdure.protocol.received import EVENT_PREFIX, GivenResponse, ReceivedRequest, delivery_id, json_body, request_of
from perdure.protocol.request_filter import NOT_JSON, CompiledRequestFilter, compile_request_filter
from perdure.storage import http_endpoints
from perdure.storage.http_endpoints import HttpEndpointRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.events import Events
    from perdure.engine.secret_box import SecretBox
    from perdure.protocol.platform import EventAnswer
    from perdure.storage.interface import Storage

MOST = 1000
"""How many HTTP endpoints are listed."""

UNKNOWN = "Could not find http endpoint"
_NO_ENVIRONMENT = "Could not find environment"
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
        secrets: Derives the secret part of URLs.
        origin: Gives the URL under which this node's routes are reached, without a slash at its end.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        events: Events,
        secrets: SecretBox,
        origin: Callable[[], str],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._events = events
        self._secrets = secrets
        self._origin = origin

    def url(self, environment_no: int, key: str) -> str:
        """Give the URL of an HTTP endpoint, the same each time."""
        environment = self._directory.tenants[environment_no].environment
        code = self._secrets.environment_code(environment.id)
        return f"{self._origin()}/api/v1/http-endpoints/{quote(key, safe='')}/env/{environment.slug}/{code}"

    async def find(self, key: str, code: str) -> Target:
        """Find what a URL leads to.

        Raises:
            NotFoundError: Nothing.
        """
        environment_no = self._environment(code)
        row = await self._storage.read(http_endpoints.find, environment_no, key=key)
        if row is None:
            raise NotFoundError(UNKNOWN)
        return Target(environment_no, row)

    async def list(self, environment_no: int) -> list[HttpEndpointAnswer]:
        """List the HTTP endpoints of an environment, by id."""
        rows = await self._storage.read(http_endpoints.list_enabled, environment_no, limit=MOST)
        return [
            HttpEndpointAnswer(row.key, self.url(environment_no, row.key), row.source, row.endpoint_id) for row in rows
        ]

    async def get(self, environment_no: int, key: str) -> HttpEndpointAnswer:
        """Look an HTTP endpoint up.

        Raises:
            NotFoundError: There is none of that id, or its app no longer declares it.
        """
        row = await self._storage.read(http_endpoints.find, environment_no, key=key)
        if row is None:
            raise NotFoundError(f"There is no HTTP endpoint {key!r:.80} in this environment.")
        return HttpEndpointAnswer(row.key, self.url(environment_no, row.key), row.source, row.endpoint_id)

    async def replay(self, environment_no: int, event_id: str) -> EventAnswer:
        """Take in a request once more that was received as an event; it starts runs as it would now.

        Raises:
            NotFoundError: There is no such event in this environment.
            InvalidArgumentError: It is no request.
        """
        event = (await self._events.get(environment_no, event_id)).event
        request = request_of(event.payload) if event.name.startswith(EVENT_PREFIX) else None
        if request is None:
            raise InvalidArgumentError(f"The event {event_id!r:.80} is no request that an HTTP endpoint has received.")
        first = _REPLAYED.sub("", event_id)
        return await self._events.receive(
            environment_no,
            request,
            name=event.name,
            source=event.source,
            event_id=f"{first}:replay:{self._clock.now_ms()}",
        )

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
        await self._events.receive(
            environment_no, request, name=f"{EVENT_PREFIX}{row.key}", source=row.source, event_id=event_id
        )
        return response

    async def _ask(self, environment_no: int, row: HttpEndpointRow, request: ReceivedRequest) -> GivenResponse:
        app: object = self._directory.app(environment_no, row.endpoint_id)
        if not isinstance(app, Responder):
            raise NotConnectedError("The app that answers these requests is not there; send the request again later.")
        return await app.respond(row.key, request)

    def _environment(self, code: str) -> int:
        found: int | None = None
        for number, tenant in self._directory.tenants.items():
            # Every one is looked at, so that the time tells nothing.
            if self._secrets.is_environment_code(tenant.environment.id, code):
                found = number
        if found is None:
            raise NotFoundError(_NO_ENVIRONMENT)
        return found

    def now_received(self, *, method: str, url: str, headers: dict[str, str], body: bytes) -> ReceivedRequest:
        """Make a request that has just come."""
        return ReceivedRequest(method, url, headers, body, self._clock.now())


def matches_request(compiled: CompiledRequestFilter, request: ReceivedRequest) -> bool:
    """Say whether a request filter matches a request."""
    body = json_body(request)
    value: Any = NOT_JSON if body is None else load(body)
    query = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    return compiled.matches(method=request.method, headers=request.headers, query=query, body=value)
