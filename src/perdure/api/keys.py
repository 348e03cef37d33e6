"""Who may ask: the keys of an environment (v2 protocol, section 2)."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from perdure.api.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SCHEME = "bearer "


class Keys:
    """The keys that a node's routes are asked with.

    Args:
        private: The private key, which may do everything.
        public: The public key, which may only read, on the routes that say so; ``None``: there is none.
    """

    def __init__(self, private: str, public: str | None = None) -> None:
        self._private = _digest(private)
        self._public = None if public is None else _digest(public)

    def check(self, request: Request, *, allows_public: bool = False) -> bool:
        """Let a request pass with a key that the route takes; whether that is the private one.

        Raises:
            Refusal: It has none, an unknown one, or the public one where that may not ask.
        """
        given = request.headers.get("authorization", "")
        if given[: len(_SCHEME)].lower() != _SCHEME or not given[len(_SCHEME) :].strip():
            sentence = "Send the API key of this environment: Authorization: Bearer <key>."
            raise Refusal(401, "missing_api_key", sentence, headers=_CHALLENGE)
        # Digests are compared, so that the time tells nothing of a key, not even its length.
        digest = _digest(given[len(_SCHEME) :].strip())
        is_private = compare_digest(digest, self._private)
        is_public = self._public is not None and compare_digest(digest, self._public)
        if not (is_private or is_public):
            raise Refusal(401, "invalid_api_key", "Invalid or Missing API key", headers=_CHALLENGE)
        if not is_private and not allows_public:
            raise Refusal(403, "public_key_not_allowed", "This needs the private API key, not a public one.")
        return is_private


def _digest(key: str) -> bytes:
    return sha256(key.encode(errors="surrogateescape")).digest()
