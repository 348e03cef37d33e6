"""Whether a call was signed with the key that it names."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from perdure.api.refusals import Refusal
from perdure.protocol.signing import (
    CALL_SCHEME,
    SIGNATURE_HEADER,
    SIGNED_AT_HEADER,
    SIGNED_ID_HEADER,
    TOLERANCE_SECONDS,
    call_secret,
    is_signature,
    is_stamp,
    signature_of,
)
from perdure.transport.seen_requests import SeenRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SCHEME: Final = CALL_SCHEME.lower() + " "
_DIGEST_LENGTH: Final = 64
_REPEATABLE: Final = frozenset(("GET", "HEAD"))


def signer_of(authorization: str) -> bytes | None:
    """Read the SHA-256 of the key that a call is signed with, from its ``Authorization``; ``None``: it is not signed.

    Raises:
        Refusal: What stands there is none.
    """
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        return None
    given = authorization[len(_SCHEME) :].strip()
    try:
        digest = bytes.fromhex(given)
    except ValueError:
        digest = b""
    if len(given) != _DIGEST_LENGTH or not digest:
        raise _refused(f"After {CALL_SCHEME} stands the SHA-256 of the key, in hexadecimal digits.")
    return digest


class SignedCalls:
    """Verifies signed calls, each of which may come once.

    Args:
        unix_time: Gives the time in seconds since 1970.
    """

    def __init__(self, *, unix_time: Callable[[], float] = time.time) -> None:
        self._unix_time = unix_time
        self._seen = SeenRequests()

    def check(
        self,
        api_key: str | None,
        *,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        """Let a call pass that was signed with a key, lately, and has not come before.

        Args:
            api_key: The key; ``None``: the server cannot read it any more.
            method: The call's method.
            target: Its path as it was sent, with the query.
            headers: Its headers, by lower-case names.
            body: Its body.

        Raises:
            Refusal: It was not.
        """
        if api_key is None:
            raise _refused("The server cannot read this key any more: exchange it.")
        signed_id, at = headers.get(SIGNED_ID_HEADER, ""), headers.get(SIGNED_AT_HEADER, "")
        if not is_stamp(signed_id, at):
            raise _refused("A signed request has an id and a time.")
        secret = call_secret(api_key, method=method, target=target, headers=headers.items())
        expected = signature_of(secret, signed_id=signed_id, at=at, body=body)
        if not is_signature(headers.get(SIGNATURE_HEADER, ""), expected):
            raise _refused("The signature is not that of this request with this key.")
        now = int(self._unix_time())
        if abs(now - int(at)) > TOLERANCE_SECONDS:
            raise _refused(
                f"The time of the request differs by {abs(now - int(at))} s from that of the server, more than "
                f"{TOLERANCE_SECONDS} s. Set the clocks of both machines."
            )
        if method not in _REPEATABLE and not self._seen.take(signed_id, int(at), now=now):
            raise Refusal(401, "replayed", "This request has come before.")


def _refused(sentence: str) -> Refusal:
    return Refusal(401, "invalid_signature", sentence)
