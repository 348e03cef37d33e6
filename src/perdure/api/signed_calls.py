"""Whether a call was signed with the key that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.api.refusals import Refusal
from perdure.protocol.signing import CALL_SCHEME, call_secret
from perdure.transport.signatures import INVALID_SIGNATURE, SignatureError, Signatures

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Verifies signed calls, each of which may come once."""

    def __init__(self) -> None:
        self._signatures = Signatures("the server")

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
        secret = call_secret(api_key, method=method, target=target, headers=headers.items())
        try:
            self._signatures.check(headers, body, secret=secret, repeats=method in _REPEATABLE)
        except SignatureError as error:
            raise Refusal(401, error.code, error.message) from error


def _refused(sentence: str) -> Refusal:
    return Refusal(401, INVALID_SIGNATURE, sentence)
