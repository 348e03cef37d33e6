"""Signatures of what a server and an app of perdure's ask each other: those of Standard Webhooks.

What is signed is ``id.timestamp.body``, as in any request of that kind, with a secret that both sides make of the API
key. Of what a server asks, the secret is that of the app, and the id ends with a mark of the action and the headers of
a delivery; of what an app asks, the secret is made of the method, the path and the headers that say what is written.
So a signature for one of them is worth nothing for another, and neither it nor the secret tells the key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SIGNED_ID_HEADER: Final = "webhook-id"
SIGNED_AT_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

TOLERANCE_SECONDS: Final = 300
"""How many seconds the time of a request may differ from that of who verifies it."""

LONGEST_SIGNED_ID: Final = 64
"""How many characters the id of a signed request may have."""

CALL_SCHEME: Final = "Perdure-Signed"
"""The scheme of the ``Authorization`` of a signed call; after it stands the key's SHA-256, in hexadecimal digits."""

BOUND_HEADERS: Final = frozenset(
    (
        "idempotency-key",
        "perdure-environment",
        "perdure-epoch",
        "perdure-run",
        "trigger-version",
        "x-cached-tasks-cursor",
    )
)
"""Headers of a call that its signature binds."""

_MARK_BYTES: Final = 24
# Servers of perdure's make such ids, and nobody who does not sign can change one into another kind.
_MARKED: Final = re.compile("msg_[0-9a-f]{24}-([A-Za-z0-9_-]{32})")
_CALL_PURPOSE: Final = "perdure signed calls v1"
_BOUND: Final = "x-ts-"


def signing_secret(api_key: str, *, endpoint_id: str) -> bytes:
    """Make the secret that a server asks an app with: HKDF-SHA256 of the key, without salt, for ``endpoint:<id>``.

    Args:
        api_key: The key that both sides have.
        endpoint_id: The id of the app that is asked.

    Returns:
        32 bytes.
    """
    # RFC 5869, with an output of one block.
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), api_key.encode(), "sha256")
    return hmac.digest(extracted, f"endpoint:{endpoint_id}".encode(errors="surrogatepass") + b"\x01", "sha256")


def mark_of(*, action: str, headers: Iterable[tuple[str, str]] = ()) -> str:
    """Make the mark by which the id of a request, and so its signature, is bound to what stands beside the body.

    Args:
        action: The value of ``x-trigger-action``.
        headers: Those of the request; of them the ones of a delivery, ``x-ts-…``, are bound.

    Returns:
        32 characters: the first 192 bits of a SHA-256.
    """
    bound = sorted(f"{name.lower()}:{_as_sent(value)}" for name, value in headers if name.lower().startswith(_BOUND))
    said = "\n".join((action, *bound)).encode(errors="surrogatepass")
    return urlsafe_b64encode(hashlib.sha256(said).digest()[:_MARK_BYTES]).decode()


def is_bound_otherwise(signed_id: str, mark: str) -> bool:
    """Whether the id of a signed request has a mark, and another one; who signs without marks has none."""
    marked = _MARKED.fullmatch(signed_id)
    return marked is not None and marked[1] != mark


def call_secret(api_key: str, *, method: str, target: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """Make the secret that a call of the API is signed with.

    Args:
        api_key: The key that both sides have.
        method: The method, in capitals.
        target: The path as it is sent, with the query.
        headers: Those of the request; `BOUND_HEADERS` are bound.
    """
    bound = sorted(f"{name.lower()}:{value.strip()}" for name, value in headers if name.lower() in BOUND_HEADERS)
    return hmac.digest(api_key.encode(), "\n".join((_CALL_PURPOSE, method, target, *bound)).encode(), "sha256")


def signature_of(secret: bytes, *, signed_id: str, at: str, body: bytes) -> str:
    """Sign a request: ``v1,`` and the HMAC-SHA256 of ``id.timestamp.body`` in base64.

    Args:
        secret: See `signing_secret`.
        signed_id: The request's id.
        at: Its time, in seconds since 1970.
        body: The body to the byte.
    """
    return "v1," + b64encode(hmac.digest(secret, f"{signed_id}.{at}.".encode() + body, "sha256")).decode()


def is_signature(given: str, expected: str) -> bool:
    """Whether one of the given signatures, which spaces separate, is that one; it takes as long for a wrong one."""
    found = False
    for one in given.split(" ")[:_MOST_SIGNATURES]:
        found |= hmac.compare_digest(one.encode(errors="replace"), expected.encode())
    return found


def is_stamp(signed_id: str, at: str) -> bool:
    """Whether these may be the id and the time of a signed request."""
    # What is signed says where it ends only by its dots: one more in the id could be the first one of the body.
    is_id = 0 < len(signed_id) <= LONGEST_SIGNED_ID and "." not in signed_id
    return is_id and at.isascii() and at.isdecimal() and len(at) <= _DIGITS


def _as_sent(value: str) -> str:
    """Read UTF-8 that a web server took for Latin-1."""
    if value.isascii():
        return value.strip()
    try:
        return value.encode("latin-1").decode().strip()
    except UnicodeError:
        return value.strip()


_MOST_SIGNATURES: Final = 10
_DIGITS: Final = 12
