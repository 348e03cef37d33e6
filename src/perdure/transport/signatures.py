"""Signatures of requests: made, and checked by whoever is asked."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from perdure.protocol.signing import (
    SIGNATURE_HEADER,
    SIGNED_AT_HEADER,
    SIGNED_ID_HEADER,
    TOLERANCE_SECONDS,
    is_bound_otherwise,
    is_signature,
    is_stamp,
    signature_of,
)
from perdure.transport.seen_requests import SeenRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INVALID_SIGNATURE = "invalid_signature"
"""The code of a refusal of what is not signed as it is to be."""


class SignatureError(Exception):
    """A request that is not signed, or was signed for something else, too long ago, or comes again.

    Attributes:
        code: A stable word for programs.
        message: A sentence.
    """

    def __init__(self, message: str, code: str = INVALID_SIGNATURE) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def sign(
    secret: bytes, body: bytes, unix_time: Callable[[], float] = time.time, *, mark: str | None = None
) -> dict[str, str]:
    """Make the headers of a signed request.

    Args:
        secret: See `perdure.protocol.signing`.
        body: The request's body.
        unix_time: Gives the time in seconds since 1970.
        mark: What binds the signature to more than the body; ``None``: the secret does.
    """
    signed_id, at = f"msg_{os.urandom(12).hex()}", str(int(unix_time()))
    if mark is not None:
        signed_id = f"{signed_id}-{mark}"
    signature = signature_of(secret, signed_id=signed_id, at=at, body=body)
    return {SIGNED_ID_HEADER: signed_id, SIGNED_AT_HEADER: at, SIGNATURE_HEADER: signature}


class Signatures:
    """Checks the signatures of requests, each of which may come once; safe for threads.

    Args:
        asked: Who is asked, in the words of its refusals.
        unix_time: Gives the time in seconds since 1970.
    """

    def __init__(self, asked: str, *, unix_time: Callable[[], float] = time.time) -> None:
        self._asked = asked
        self._unix_time = unix_time
        self._seen = SeenRequests()

    def check(
        self, headers: Mapping[str, str], body: bytes, *, secret: bytes, repeats: bool, mark: str | None = None
    ) -> None:
        """Let a request pass that was signed with a secret, lately, and has not come before.

        Args:
            headers: Its headers, by lower-case names.
            body: Its body.
            secret: See `perdure.protocol.signing`.
            repeats: Whether it may come again, since twice is as good as once.
            mark: What its signature is bound to, if the signer binds it; ``None``: the secret does.

        Raises:
            SignatureError: It was not.
        """
        signed_id, at = headers.get(SIGNED_ID_HEADER, ""), headers.get(SIGNED_AT_HEADER, "")
        if not is_stamp(signed_id, at):
            raise SignatureError("A signed request has an id and a time.")
        expected = signature_of(secret, signed_id=signed_id, at=at, body=body)
        if not is_signature(headers.get(SIGNATURE_HEADER, ""), expected):
            raise SignatureError(f"The request is not signed with the API key that {self._asked} knows.")
        if mark is not None and is_bound_otherwise(signed_id, mark):
            raise SignatureError("The request was signed for another action, or another delivery.")
        now = int(self._unix_time())
        if abs(now - int(at)) > TOLERANCE_SECONDS:
            raise SignatureError(
                f"The time of the request differs by {abs(now - int(at))} s from that of {self._asked}, more than "
                f"{TOLERANCE_SECONDS} s. Set the clocks of both machines."
            )
        if not repeats and not self._seen.take(signed_id, int(at), now=now):
            raise SignatureError("This request has come before.", "replayed")
