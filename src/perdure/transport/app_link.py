"""The way to an app: one request for each action, signed or with the key by which the app knows the server."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from perdure.errors import FetchFailedError, InvalidUrlError, JsonError, RunError
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.headers import (
    ACTION_HEADER,
    ACTION_VERSION_HEADER,
    API_KEY_HEADER,
    LAZY_CACHED_TASKS_VERSION,
    NATIVE_HEADER,
    SDK_VERSION_HEADER,
    SERVER_USER_AGENT,
    VERSION_HEADER,
)
from perdure.protocol.outbound import REDIRECT_LIMIT, Bounds, OutboundRequest, OutboundResponse
from perdure.protocol.redacted import MASK
from perdure.protocol.signing import SIGNATURE_HEADER, mark_of, signing_secret
from perdure.protocol.web_url import WebUrl, join_url, parse_url
from perdure.transport.greetings import LONGEST
from perdure.transport.node_link import perdure_version
from perdure.transport.redirects import redirect_location
from perdure.transport.signatures import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from perdure.protocol.messages.headers import Action

EXECUTION_SECONDS: Final = 3600.0
"""How long an endpoint may take to answer EXECUTE_JOB; it yields long before, between two tasks."""

ACTION_SECONDS: Final = 30.0
"""How long it may take to answer any other action."""

KEYS_TRIED: Final = 5
"""How many keys of its environment an endpoint is shown, until it takes one."""

WRONG_KEY: Final = 401
"""The status by which an app says that it does not know the server."""

UNKNOWN_VERSION: Final = "unknown"
"""The version of an app whose answers name none."""

_LONGEST_VERSION: Final = 100
_NO_KEY: Final = "Unauthorized: missing x-trigger-api-key header"
# A task's output may have 3 MiB, and travels as text inside JSON.
_BOUNDS: Final = Bounds(EXECUTION_SECONDS, 16 * 1024 * 1024, 8 * 1024 * 1024)


class Requester(Protocol):
    """Sends requests; `perdure.transport.outbound.Outbound` is one."""

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Send a request and read the whole answer; it raises a `RunError` if there is none."""
        ...


class AppLink:
    """Asks one app.

    Args:
        endpoint_id: The app's id.
        url: Where it is.
        api_keys: Gives the private keys of its environment, by one of which it knows who asks, likeliest first.
        trace_headers: Gives the headers that continue a trace there.
        requester: Sends the requests.
        is_signed: Whether the app verifies signatures, as far as is known; from when on it does, it is not shown a key.
        unix_time: Gives the time that requests are signed with, in seconds since 1970.

    Attributes:
        endpoint_id: The app's id.
        is_signed: Whether requests are signed.
        is_native: Whether the app is perdure's, by its last answer.
        url: Where the app is: where it was, or where that has led to.
        has_moved: Whether it has led elsewhere.
        version: The ``Trigger-Version`` of its last answer, or ``unknown``.
        sdk_version: The ``Trigger-SDK-Version`` of its last answer, if there was one.
    """

    def __init__(
        self,
        endpoint_id: str,
        url: str,
        *,
        api_keys: Callable[[], Sequence[str]],
        trace_headers: Callable[[], tuple[tuple[str, str], ...]] = tuple,
        requester: Requester,
        is_signed: bool = False,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.is_signed = is_signed
        # Only apps of perdure's verify signatures, so what a server has kept of that tells it what they take.
        self.is_native = is_signed
        self.url: str = url
        self.has_moved: bool = False
        # An app is asked for its index before anything else, and says so then.
        self.version = LAZY_CACHED_TASKS_VERSION
        self.sdk_version: str | None = None
        self.endpoint_id = endpoint_id
        self._unix_time = unix_time
        self._api_keys = api_keys
        self._trace_headers = trace_headers
        self._accepted: str | None = None
        # Whether it has led to another origin, which has not asked for the key yet.
        self._is_elsewhere: bool = False
        self._requester = requester

    async def post(
        self,
        action: Action,
        *,
        body: bytes | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        timeout: float = ACTION_SECONDS,
        kind: str | None = "application/json",
    ) -> OutboundResponse:
        """Send a request for an action; what the app answers, whatever it is: a redirect is not followed.

        Args:
            action: What is asked for.
            body: The body, if there is one.
            headers: Headers beside those of every request.
            timeout: How many seconds the app may take.
            kind: The type of the body; ``None``: the headers say it.

        Raises:
            RunError: Nobody answers.
        """
        # The key of an environment may have been exchanged, and the app not know it yet.
        *others, last = sorted(self._api_keys()[:KEYS_TRIED], key=lambda key: key != self._accepted)
        for key in others:
            answer = await self._send(action, key, body=body, headers=headers, timeout=timeout, kind=kind)
            if answer.status != WRONG_KEY:
                self._accepted = key
                return answer
        answer = await self._send(action, last, body=body, headers=headers, timeout=timeout, kind=kind)
        self._accepted = last if answer.status != WRONG_KEY else None
        return answer

    async def _send(
        self,
        action: Action,
        key: str | None,
        *,
        body: bytes | None = None,
        headers: tuple[tuple[str, str], ...],
        timeout: float = ACTION_SECONDS,
        kind: str | None = None,
    ) -> OutboundResponse:
        data = b"" if body is None else body
        sent = [
            *(() if key is None else self._credentials(action, key, data, headers)),
            (ACTION_HEADER, action.value),
            (ACTION_VERSION_HEADER, LAZY_CACHED_TASKS_VERSION),
            ("User-Agent", SERVER_USER_AGENT),
            ("Accept", "application/json"),
            *headers,
            *self._trace_headers(),
        ]
        if body is not None and kind is not None:
            sent.append(("Content-Type", kind))
        if self.is_native:
            sent.append((NATIVE_HEADER, perdure_version()))
        request = OutboundRequest(
            "POST", self.url, tuple(sent), data, timeout, (API_KEY_HEADER, SIGNATURE_HEADER), _BOUNDS, follows=False
        )
        answer = await self._requester.request(request)
        is_native = any(name == NATIVE_HEADER for name, _ in answer.headers)
        if answer.status == WRONG_KEY and is_native and not self.is_signed:
            # It takes signed requests only.
            self.is_signed = True
            if key is None:
                return answer
            return await self._send(action, key, body=body, headers=headers, timeout=timeout, kind=kind)
        # An app may be written anew in another language; a failure of what stands before it says nothing of it.
        if 200 <= answer.status < 300:
            self.is_native = is_native
            # Who could take the header away again is not shown a key for it.
            self.is_signed = self.is_signed or self.is_native
            self._note_versions(answer)
        return answer

    def _note_versions(self, answer: OutboundResponse) -> None:
        named = dict(answer.headers)
        self.version = named.get(VERSION_HEADER.lower(), UNKNOWN_VERSION)[:_LONGEST_VERSION]
        sdk_version = named.get(SDK_VERSION_HEADER.lower())
        self.sdk_version = None if sdk_version is None else sdk_version[:_LONGEST_VERSION]

    @property
    def is_lazy(self) -> bool:
        """Whether the app asks for what it needs of its completed tasks (v2 protocol, sections 1 and 6.4)."""
        return self.is_native or (
            self.version not in (UNKNOWN_VERSION, "unversioned") and self.version >= LAZY_CACHED_TASKS_VERSION
        )

    @property
    def shown_url(self) -> str:
        """Where it is, as messages and logs show it: whoever lets the server pass may know it by the query."""
        place, mark, query = self.url.partition("?")
        return f"{place}?{MASK}" if mark and query else place

    @contextmanager
    def looking(self) -> Generator[None]:
        """Stay where it was if what the block finds elsewhere is no app: a proxy may lead there for a while."""
        place = self.url, self.has_moved, self._is_elsewhere
        try:
            yield
        except BaseException:
            self.url, self.has_moved, self._is_elsewhere = place
            raise

    async def find(self, action: Action, *, headers: tuple[tuple[str, str], ...] = ()) -> OutboundResponse:
        """Ask as `post` does; where that leads elsewhere the app is there from now on, and is asked there.

        Another origin is asked without the key first, and shown it if it answers as an app does that misses it: what
        stands before an app may lead to where somebody is to sign in.

        Raises:
            RunError: Nobody answers, or it leads on and on.
        """
        for _ in range(REDIRECT_LIMIT + 1):
            may_show = self.is_signed or not self._is_elsewhere
            answer = await (self.post(action, headers=headers) if may_show else self._knock(action, headers))
            location = redirect_location(answer.status, answer.headers)
            if location is None:
                return answer
            here = parse_url(self.url)
            there = _led_to(here, location)
            if here.scheme == "https" and there.scheme != "https":
                raise FetchFailedError(f"{here.origin} redirects to {there.origin}, where all could read the key.")
            self._is_elsewhere = self._is_elsewhere or here.origin != there.origin
            self.url, self.has_moved = there.text, True
        raise FetchFailedError(f"{self.shown_url} redirected more than {REDIRECT_LIMIT} times.")

    async def _knock(self, action: Action, headers: tuple[tuple[str, str], ...]) -> OutboundResponse:
        """Ask who has not been shown the key yet."""
        answer = await self._send(action, None, headers=headers)
        is_refused = answer.status == WRONG_KEY
        if not is_refused and not 200 <= answer.status < 300:
            return answer
        # What takes anybody for the server is no app, either.
        if not is_refused or (not self.is_signed and message_of(answer) != _NO_KEY):
            raise FetchFailedError(
                f"{self.shown_url}, where the app redirects to, does not answer as an app: it is not shown the key. If "
                "the app is there, register it there: perdure endpoints add.",
                status=answer.status,
            )
        self._is_elsewhere = False
        return await self.post(action, headers=headers)

    def _credentials(
        self, action: Action, key: str, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[str, str], ...]:
        if not self.is_signed:
            return ((API_KEY_HEADER, key),)
        secret = signing_secret(key, endpoint_id=self.endpoint_id)
        mark = mark_of(action=action.value, headers=headers)
        return tuple(sign(secret, body, self._unix_time, mark=mark).items())

    def check(self, answer: OutboundResponse) -> None:
        """Let an answer pass that is no refusal.

        Raises:
            FetchFailedError: It is one.
        """
        if 200 <= answer.status < 300:
            return
        if answer.status == WRONG_KEY:
            raise FetchFailedError(self.wrong_key(answer), status=WRONG_KEY)
        said = self.redirected(answer) or f"Status code: {answer.status}"
        raise FetchFailedError(f"Could not connect to endpoint {self.shown_url}. {said}", status=answer.status)

    def redirected(self, answer: OutboundResponse) -> str | None:
        """Say what to do about an answer that is a redirect; ``None``: it is none."""
        location = redirect_location(answer.status, answer.headers)
        if location is None:
            return None
        try:
            there = join_url(parse_url(self.url), location).origin
        except RunError:
            there = "somewhere else than a URL"
        return (
            f"Status code: {answer.status}. It redirects to {there}; only an index is asked for there. If the app has "
            "moved, have it asked for its index: perdure endpoints index."
        )

    def wrong_key(self, answer: OutboundResponse) -> str:
        """Say what an answer means by which the app does not know the server."""
        said = message_of(answer) or "Trigger API key is invalid"
        if self.is_signed and said == _NO_KEY:
            return (
                f"The app at {self.shown_url} does not verify signatures, and is not shown the key instead. If another "
                "app is there now, register it anew: perdure endpoints add."
            )
        return said


def _led_to(here: WebUrl, location: str) -> WebUrl:
    try:
        return join_url(here, location)
    except InvalidUrlError as error:
        raise FetchFailedError(f"{here.origin} redirects to somewhere else than a URL. {error.message}") from error


def message_of(answer: OutboundResponse) -> str | None:
    """Read the sentence in the body of an answer, the beginning of a long one; ``None``: there is none."""
    message = decode_object(answer.body).get("message")
    if not isinstance(message, str):
        return None
    return message if len(message) <= LONGEST else f"{message[:LONGEST]}…"


def decode_object(body: bytes) -> dict[str, Any]:
    """Read the members of an object; what is none has none."""
    try:
        return decode_message(body, dict[str, Any])
    except (JsonError, MessageShapeError):
        return {}
