"""HTTP endpoints as triggers: URLs of the node's that take requests for an app."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import HttpEndpointSpec
from perdure.protocol.execution import JsonText
from perdure.protocol.ids import slugify
from perdure.protocol.json_text import dump
from perdure.protocol.received import EVENT_PREFIX
from perdure.protocol.value_paths import type_name
from perdure.sdk.http_request import HttpRequest, VerifyResult
from perdure.sdk.io.body import is_async
from perdure.sdk.names import check_name
from perdure.sdk.triggers import EventTrigger

Verified = bool | VerifyResult
Verify = Callable[[HttpRequest], Verified | Awaitable[Verified]]
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]

_LONGEST_ID: Final = 200


class RespondWith(Struct, frozen=True):
    """How an app answers requests itself, while their senders wait: within 30 s.

    Attributes:
        handler: Takes the request, or the request and an async function ``verify()`` that gives a `VerifyResult`;
            gives an `HttpResponse`, or only its body. Async, or plain (then it runs in a thread).
        filter: Which requests it answers: ``method``, ``headers``, ``query``, ``body``; all of them if not given.
        skip_triggering_runs: Whether these start no run. One that is answered with another status than 200 never
            does.
    """

    handler: Callable[..., Any]
    filter: Mapping[str, Any] | None = None
    skip_triggering_runs: bool = False


class HttpEndpointTrigger(EventTrigger[HttpRequest], frozen=True, kw_only=True):
    """Starts a job with each request to an HTTP endpoint; made by ``endpoint.on_request``.

    Attributes:
        verify: Says whether a request is what it says it is; ``None``: every one is.
    """

    verify: Verify | None = None

    def verifier(self) -> Verify | None:
        """Give what every request must pass before the job's function is called."""
        return self.verify


class HttpEndpoint:
    """A URL of the node's that takes requests for this app; made by ``client.define_http_endpoint``.

    Attributes:
        id: Names it in the environment; a slug.
        source: Who sends there.
        respond_with: How the app answers requests itself, or ``None``.
    """

    def __init__(
        self,
        id: str,
        *,
        source: str,
        verify: Verify | None = None,
        respond_with: RespondWith | None = None,
        enabled: bool = True,
    ) -> None:
        """Define it; see `Client.define_http_endpoint` for the arguments and errors."""
        self.id = _as_id(id)
        self.source = check_name(source, what="source")
        if verify is not None and not callable(verify):
            raise InvalidArgumentError(f"verify= is a function that takes a request, not {type_name(verify)}.")
        if respond_with is not None and not (
            isinstance(respond_with, RespondWith) and callable(respond_with.handler)  # pyright: ignore[reportUnnecessaryIsInstance]
        ):
            raise InvalidArgumentError(
                f"respond_with= is RespondWith(handler), where handler takes a request, not {respond_with!r:.60}."
            )
        if not isinstance(enabled, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(f"enabled= is True or False, not {enabled!r:.60}.")
        self.respond_with = respond_with
        self._verify = verify
        self._enabled = enabled
        self._filter = None if respond_with is None else _request_filter(respond_with.filter)

    def __repr__(self) -> str:
        return f"HttpEndpoint({self.id!r})"

    def on_request(self, *, filter: Mapping[str, Any] | None = None) -> HttpEndpointTrigger:
        """Start a job with each request, whose payload is an `HttpRequest`: ``trigger=`` of a job takes it.

        Args:
            filter: Which requests: an event filter over ``{url, method, headers, body}``, where ``body`` is the JSON of
                the request's body. A request that has none starts only jobs without a filter.

        Raises:
            InvalidFilterError: The filter has an unknown operator or an operand of the wrong kind.

        See also: v2 protocol, sections 9 and 12.2.
        """
        return HttpEndpointTrigger(
            schema=HttpRequest,
            names=(f"{EVENT_PREFIX}{self.id}",),
            source=self.source,
            filter=_event_filter(filter),
            verify=self._verify,
        )

    def spec(self) -> HttpEndpointSpec:
        """Give it as the platform registers it."""
        respond_with = self.respond_with
        return HttpEndpointSpec(
            self.id,
            self.source,
            self._enabled,
            self._filter,
            respond_with is not None and respond_with.skip_triggering_runs,
            getattr(self._verify, "delivery_id", None),
        )

    async def check(self, request: HttpRequest, in_thread: InThread) -> VerifyResult:
        """Say whether a request is what it says it is."""
        return VerifyResult(True) if self._verify is None else await verify_request(self._verify, request, in_thread)

    async def answer(self, request: HttpRequest, in_thread: InThread) -> Any:
        """Have the handler answer a request; what it gives."""
        assert self.respond_with is not None
        handler = self.respond_with.handler

        async def verify() -> VerifyResult:
            return await self.check(request, in_thread)

        given = (request, verify) if _takes_two(handler) else (request,)
        return await call(handler, given, in_thread)


async def verify_request(verify: Verify, request: HttpRequest, in_thread: InThread) -> VerifyResult:
    """Ask a function whether a request is what it says it is.

    Raises:
        InvalidArgumentError: It does not say so.
    """
    # Those of perdure itself take no time.
    said = verify(request) if hasattr(verify, "delivery_id") else await call(verify, (request,), in_thread)
    if isinstance(said, VerifyResult):
        return said
    if isinstance(said, bool):
        return VerifyResult(said)
    raise InvalidArgumentError(f"verify= returned {type_name(said)}; it is to return True, False or a VerifyResult.")


async def call(fn: Callable[..., Any], arguments: tuple[Any, ...], in_thread: InThread) -> Any:
    """Call a function of the app, a plain one in a thread."""
    if is_async(fn):
        return await fn(*arguments)
    value = await in_thread(lambda: fn(*arguments))
    # A lambda around an async function gives a coroutine, which belongs on the loop.
    return await value if inspect.isawaitable(value) else value


def _takes_two(handler: Callable[..., Any]) -> bool:
    parameters = inspect.signature(handler).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in positional and one.default is one.empty for one in parameters) >= 2


def _as_id(id: object) -> str:
    slug = slugify(id) if isinstance(id, str) else ""
    check_name(slug or id, what="The id of an HTTP endpoint", limit=_LONGEST_ID)
    if not slug.strip("."):
        raise InvalidArgumentError(f"The id of an HTTP endpoint has letters, digits or one of - _ ~; {id!r} has none.")
    return slug


def _event_filter(filter: Mapping[str, Any] | None) -> JsonText | None:
    if not filter:
        return None
    from perdure.protocol.event_filter import compile_event_filter

    compile_event_filter(filter, path="filter")
    return JsonText(dump(_with_lower_headers(filter), root="filter"))


def _request_filter(filter: Mapping[str, Any] | None) -> JsonText:
    if filter is None:
        return JsonText("{}")
    from perdure.protocol.request_filter import compile_request_filter

    compile_request_filter(filter, path="respond_with.filter")
    return JsonText(dump(_with_lower_headers(filter), root="respond_with.filter"))


def _with_lower_headers(filter: Mapping[str, Any]) -> dict[str, Any]:
    """Write the names of headers in lower case, as they are in requests."""
    parts = dict(filter)
    if isinstance(parts.get("headers"), Mapping):
        headers = cast("Mapping[str, Any]", parts["headers"])
        parts["headers"] = {name.lower(): value for name, value in headers.items()}
    return parts
