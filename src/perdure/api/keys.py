"""Who may ask: a key opens one environment (v2 protocol, section 2)."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.api.bodies import read_body
from perdure.api.refusals import Refusal
from perdure.api.signed_calls import SignedCalls, signer_of
from perdure.engine.environments import Environment
from perdure.errors import NotFoundError
from perdure.protocol.api_keys import digest_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from perdure.api.request import ApiRequest
    from perdure.engine.node import Node

ENVIRONMENT_HEADER = "Perdure-Environment"
"""Names the environment that is meant, by its slug."""

SIGNED_BODY_LIMIT: Final = 16 * 1024 * 1024
"""How many bytes the body of a signed request may have, whatever its route takes."""

INVALID_KEY: Final = "Invalid or Missing API key"
"""What clients of the v2 protocol are told that show no key, or an unknown one."""

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SCHEME = "bearer "


class Access(Struct, frozen=True):
    """What a request may do.

    Attributes:
        environment: Where.
        is_private: Whether it has a private key, which may do everything there.
        is_owner: Whether it is of the server's own user, who may open every environment, and make keys.
        digest: The SHA-256 of its key; ``None``: it has none, and needs none.
    """

    environment: Environment
    is_private: bool
    is_owner: bool
    digest: bytes | None


class Keys:
    """The keys that a node's routes are asked with.

    Attributes:
        node: Knows them, and the environments that they open.

    Args:
        node: The node.
        owner: The key of the server's own user, which opens every environment; ``None``: there is none.
        metrics: A key that opens only the metrics, all of them; ``None``: there is none.
    """

    def __init__(self, node: Node, *, owner: str | None = None, metrics: str | None = None) -> None:
        self.node = node
        self._owner_key = owner
        self._owner = None if owner is None else digest_of(owner)
        self._signed_calls = SignedCalls()
        self._metrics = None if metrics is None else digest_of(metrics)

    def nobody(self) -> Access:
        """Give what a request may do that needs no key."""
        return Access(self.node.own, False, False, None)

    def check(self, request: Request, *, allows_public: bool = False, may_be_signed: bool = False) -> Access:
        """Let a request pass with a key that the route takes.

        Args:
            request: The request.
            allows_public: Whether the route takes public keys.
            may_be_signed: Whether the request may name its key only, since `verify` comes next.

        Raises:
            Refusal: It has none, an unknown one, a public one where that may not ask, or that of another environment
                than the one that it names.
        """
        digest = _digest(request, may_be_signed=may_be_signed)
        named = request.headers.get(ENVIRONMENT_HEADER)
        if self._owner is not None and compare_digest(digest, self._owner):
            return Access(self._own(named), True, True, digest)
        key = self.node.keys.find(digest)
        if key is None:
            raise Refusal(401, "invalid_api_key", INVALID_KEY, headers=_CHALLENGE)
        environment = self.node.environments.of(key.environment_no)
        if named is not None and named != environment.slug:
            sentence = f"This key opens the environment {environment.slug!r}, not the one that is named."
            raise Refusal(403, "wrong_environment", sentence)
        if key.is_public and not allows_public:
            raise Refusal(403, "public_key_not_allowed", "This needs the private API key, not a public one.")
        self.node.administration.note_use(key)
        return Access(environment, not key.is_public, False, digest)

    def check_again(self, access: Access) -> None:
        """Let what has passed once pass again.

        Raises:
            Refusal: Its key opens nothing any more.
        """
        if access.is_owner or access.digest is None:
            return
        key = self.node.keys.find(access.digest)
        if key is None:
            raise Refusal(401, "invalid_api_key", "Invalid or Missing API key", headers=_CHALLENGE)
        self.node.administration.note_use(key)

    def text_of(self, access: Access) -> str | None:
        """Give the key that a request has, if the server can read it."""
        key = None if access.is_owner or access.digest is None else self.node.keys.find(access.digest)
        return (self._owner_key if access.is_owner else None) if key is None else key.text

    async def verify(self, request: ApiRequest, access: Access) -> None:
        """Let a request pass that shows its key, or is signed with it; its body is read for that.

        Raises:
            Refusal: It is signed with something else, too late, or comes again.
        """
        headers = request.headers
        if signer_of(headers.get("authorization", "")) is None or access.digest is None:
            return
        request.whole = await read_body(request, limit=SIGNED_BODY_LIMIT)
        # Below the app of a node the path is the one that was sent.
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
        self._signed_calls.check(
            self.text_of(access),
            method=request.method,
            target=f"{path}?{query}" if query else path,
            headers=headers,
            body=request.whole,
        )

    def check_metrics(self, request: Request) -> Access:
        """Let a request pass that asks for metrics, with any private key or the one that is for that.

        Raises:
            Refusal: It has none of them.
        """
        if self._metrics is not None and compare_digest(_digest(request, may_be_signed=False), self._metrics):
            return Access(self.node.own, False, True, self._metrics)
        return self.check(request)

    def _own(self, named: str | None) -> Environment:
        if named is None:
            return self.node.own
        try:
            return self.node.environments.named(named)
        except NotFoundError as error:
            raise Refusal(404, error.code, error.message) from error


def _digest(request: Request, *, may_be_signed: bool) -> bytes:
    """Give the digest of the key that a request has: the time it takes tells nothing of a key, not even its length."""
    given = request.headers.get("authorization", "")
    signer = signer_of(given) if may_be_signed else None
    if signer is not None:
        return signer
    if given[: len(_SCHEME)].lower() != _SCHEME or not given[len(_SCHEME) :].strip():
        sentence = "Send the API key of this environment: Authorization: Bearer <key>."
        raise Refusal(401, "missing_api_key", sentence, headers=_CHALLENGE)
    return digest_of(given[len(_SCHEME) :].strip())
