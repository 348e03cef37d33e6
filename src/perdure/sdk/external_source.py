"""External sources: services that an app registers itself with, so that they send to it (v2 protocol, section 11.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET, Raw, Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.ids import slugify
from perdure.protocol.json_text import dump, load
from perdure.protocol.messages.delivery import NormalizedResponse, SourceDeliveryAnswer
from perdure.protocol.messages.events import raw_event
from perdure.sdk.events import event_requests
from perdure.sdk.http_endpoint import call
from perdure.sdk.io.body import is_async
from perdure.sdk.names import check_name
from perdure.sdk.records import Event

if TYPE_CHECKING:
    from perdure.protocol.messages.delivery import SourceDelivery
    from perdure.sdk.http_endpoint import InThread
    from perdure.sdk.http_request import HttpRequest


class OptionChange(Struct, frozen=True):
    """The values of one option: wanted and known to the service (or, at first, all), wanted and not known, the rest."""

    desired: list[str] = []
    missing: list[str] = []
    orphaned: list[str] = []


class SourceChange(Struct, frozen=True):
    """What is to be registered with a service.

    Attributes:
        key: Names it among all that the app registers.
        url: Where the service is to send.
        secret: What it may sign with, unless it makes a secret of its own.
        is_active: Whether it was registered before; then it is to be changed.
        params: What was given to ``register`` of the trigger.
        data: What was kept of the registration before, or ``None``.
        options: What the service is to send, by name of the option; ``event`` is one.
    """

    key: str
    url: str
    secret: str
    is_active: bool
    params: Any
    data: Any
    options: dict[str, OptionChange]

    def __repr__(self) -> str:
        return f"SourceChange({self.key!r}, ***)"

    @property
    def wanted(self) -> dict[str, list[str]]:
        """All values that are wanted, by name of the option."""
        return {name: [*change.desired, *change.missing] for name, change in self.options.items()}


class SourceUpdate(Struct, frozen=True):
    """What has been registered with a service.

    Attributes:
        secret: What the service signs with; ``None``: the one that it was given.
        data: A JSON value to be kept, such as the id that the service gave; ``None``: what was kept before.
        options: What it will send; ``None``: all that is wanted.
    """

    secret: str | None = None
    data: Any = None
    options: Mapping[str, Sequence[str]] | None = None


class RegisteredSource(Struct, frozen=True):
    """What a request comes from.

    Attributes:
        key: Names it.
        secret: What the service signs with.
        params: What it was registered with.
        data: What was kept of its registration, or ``{}``.
        metadata: What ``handle`` gave with the request before, or ``None``.
    """

    key: str
    secret: str
    params: Any
    data: Any
    metadata: Any = None

    def __repr__(self) -> str:
        return f"RegisteredSource({self.key!r}, ***)"


class SourceEvents(Struct, frozen=True):
    """The events that a request is; ``metadata``, a JSON value, is handed to ``handle`` with the next one."""

    events: Sequence[Event | Mapping[str, Any]] = ()
    metadata: Any = None


class ExternalSource:
    """A service that sends to a URL that it is given, such as one with webhooks that an API makes.

    Args:
        id: Names it among the sources of the app.
        key: Takes the params of a registration and gives a text that tells it from others.
        register: Takes a `SourceChange` and the ``io`` of the run that it is called in; registers it with the service,
            by tasks, and gives a `SourceUpdate`, or ``None`` if nothing differs from what was asked for. ``async``.
        handle: Takes an `HttpRequest` and a `RegisteredSource`; verifies the request and gives the events that it is:
            a list of `Event` or dicts, or `SourceEvents`. An empty list: none. Async, or plain (then in a thread).
        filter: Takes the params and gives an event filter that every event's payload must match, too.

    Raises:
        InvalidArgumentError: The id is none, or a function is none or not ``async``.
    """

    def __init__(
        self,
        id: str,
        *,
        key: Callable[[Any], str],
        register: Callable[..., Any],
        handle: Callable[..., Any],
        filter: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        self.id = check_name(id, what="The id of a source", limit=200)
        for name, fn in (("key", key), ("register", register), ("handle", handle), ("filter", filter)):
            if not callable(fn) and not (name == "filter" and fn is None):
                raise InvalidArgumentError(f"{name}= of the source {id!r} is a function, not {fn!r:.60}.")
        if not is_async(register):
            raise InvalidArgumentError(f"register= of the source {id!r} is an async function: it awaits io.")
        self.register = register
        self._key = key
        self._handle = handle
        self._filter = filter

    def __repr__(self) -> str:
        return f"ExternalSource({self.id!r})"

    def key(self, params: Any) -> str:
        """Name a registration with these params."""
        return slugify(f"{self.id}-{check_name(self._key(params), what='What key= gives')}")

    def filter(self, params: Any) -> Mapping[str, Any]:
        """Give what payloads must match, beside what the trigger says."""
        return {} if self._filter is None else self._filter(params)

    async def answer(self, delivery: SourceDelivery, request: HttpRequest, in_thread: InThread) -> SourceDeliveryAnswer:
        """Have the app make events of a request, as messages have them.

        Raises:
            InvalidArgumentError: It gave something else.
        """
        source = RegisteredSource(
            delivery.key,
            delivery.secret,
            load(bytes(delivery.params).decode()),
            load(bytes(delivery.data).decode()),
            None if delivery.metadata is UNSET else load(bytes(delivery.metadata).decode()),
        )
        given = await call(self._handle, (request, source), in_thread)
        made = given if isinstance(given, SourceEvents) else SourceEvents(() if given is None else given)
        return SourceDeliveryAnswer(
            events=[raw_event(one) for one in event_requests(list(made.events))],
            response=NormalizedResponse(status=200),
            metadata=UNSET if made.metadata is None else Raw(dump(made.metadata, root="metadata").encode()),
        )


def read_change(payload: Mapping[str, Any]) -> SourceChange:
    """Read what is to be registered from the event that asks for it (v2 protocol, section 11.3)."""
    source = cast("Mapping[str, Any]", payload["source"])
    return SourceChange(
        source["key"],
        source["channel"]["url"],
        source["secret"],
        source["active"],
        source.get("params"),
        source.get("data"),
        msgspec.convert(payload["options"], dict[str, OptionChange]),
    )
