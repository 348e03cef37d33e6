"""Verifying requests of those who sign them: ``verify=`` of an HTTP endpoint takes what these functions make.

Each takes the secret that the sender has shown, or several, any of which a request may be signed with while one
replaces the other. Signatures are compared in constant time, over the body to the byte. Where a sender signs the time,
too, it may differ by 5 minutes from when the request came: not from now, so that a run may be executed, or a request be
replayed, at any time.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac as _hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, cast

from perdure.errors import InvalidArgumentError
from perdure.sdk.http_request import HttpRequest, VerifyResult

Secret = str | Sequence[str]

TOLERANCE_SECONDS: Final = 300
"""How many seconds the time that a sender has signed may differ from when its request came."""

_ALGORITHMS: Final = ("sha256", "sha1", "sha512")
_ENCODINGS: Final = ("hex", "base64")


class Verifier:
    """Says whether a request was signed with a secret; made by the functions of this module.

    Attributes:
        delivery_id: The member of the body by which the sender names a delivery; ``None``: it does so in a header.
    """

    def __init__(self, check: Callable[[HttpRequest], str | None], *, delivery_id: str | None = None) -> None:
        self._check = check
        self.delivery_id = delivery_id

    def __call__(self, request: HttpRequest) -> VerifyResult:
        """Say whether a request was signed with the secret."""
        reason = self._check(request)
        return VerifyResult(reason is None, reason)


def standard(secret: Secret) -> Verifier:
    """Verify requests signed as Standard Webhooks and Svix have it.

    Args:
        secret: ``whsec_…``, or any other text.

    Raises:
        InvalidArgumentError: There is no secret.
    """
    keys = [key for one in _secrets(secret) for key in _standard_keys(one)]

    def check(request: HttpRequest) -> str | None:
        found = {name: _either(request, f"webhook-{name}", f"svix-{name}") for name in ("id", "timestamp", "signature")}
        if None in found.values():
            return "Missing header"
        at, signatures = cast("str", found["timestamp"]), cast("str", found["signature"])
        given = [one.removeprefix("v1,") for one in signatures.split(" ") if one.startswith("v1,")]
        covered = f"{found['id']}.{at}.".encode() + request.body
        return _late(request, at) or _differs(given, [b64encode(_digest(key, covered)).decode() for key in keys])

    return Verifier(check)


def github(secret: Secret) -> Verifier:
    """Verify requests of GitHub: ``X-Hub-Signature-256``.

    Raises:
        InvalidArgumentError: There is no secret.
    """
    return hmac(secret, header="x-hub-signature-256")


def stripe(secret: Secret) -> Verifier:
    """Verify requests of Stripe: ``Stripe-Signature``; an event that comes again is the same delivery.

    Raises:
        InvalidArgumentError: There is no secret.
    """
    keys = [one.encode() for one in _secrets(secret)]

    def check(request: HttpRequest) -> str | None:
        header = request.headers.get("stripe-signature")
        if header is None:
            return "Missing header"
        parts = [part.strip().partition("=")[::2] for part in header.split(",")]
        at = next((value for name, value in parts if name == "t"), "")
        given = [value for name, value in parts if name == "v1"]
        covered = f"{at}.".encode() + request.body
        return _late(request, at) or _differs(given, [_digest(key, covered).hex() for key in keys])

    return Verifier(check, delivery_id="id")


def slack(secret: Secret) -> Verifier:
    """Verify requests of Slack: ``X-Slack-Signature``; an event that comes again is the same delivery.

    Raises:
        InvalidArgumentError: There is no secret.
    """
    keys = [one.encode() for one in _secrets(secret)]

    def check(request: HttpRequest) -> str | None:
        at, given = request.headers.get("x-slack-request-timestamp"), request.headers.get("x-slack-signature")
        if at is None or given is None:
            return "Missing header"
        covered = f"v0:{at}:".encode() + request.body
        return _late(request, at) or _differs([given], [f"v0={_digest(key, covered).hex()}" for key in keys])

    return Verifier(check, delivery_id="event_id")


def shopify(secret: Secret) -> Verifier:
    """Verify requests of Shopify: ``X-Shopify-Hmac-Sha256``.

    Raises:
        InvalidArgumentError: There is no secret.
    """
    return hmac(secret, header="x-shopify-hmac-sha256", encoding="base64")


def hmac(
    secret: Secret,
    *,
    header: str = "x-signature-256",
    encoding: Literal["hex", "base64"] = "hex",
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256",
) -> Verifier:
    """Verify requests that carry the HMAC of their body in a header.

    Args:
        secret: The secret, or several.
        header: The header; ``sha256=`` or ``hmac-sha256=`` in front of the signature is left out.
        encoding: How the signature is written: ``"hex"`` or ``"base64"``.
        algorithm: The hash: ``"sha256"``, ``"sha1"`` or ``"sha512"``.

    Raises:
        InvalidArgumentError: There is no secret, or no such encoding or algorithm.
    """
    if encoding not in _ENCODINGS or algorithm not in _ALGORITHMS:
        raise InvalidArgumentError(
            f"encoding= is one of {', '.join(_ENCODINGS)}, algorithm= one of {', '.join(_ALGORITHMS)}; "
            f"not {encoding!r:.40} and {algorithm!r:.40}."
        )
    keys = [one.encode() for one in _secrets(secret)]
    name = header.lower()

    def check(request: HttpRequest) -> str | None:
        given = request.headers.get(name)
        if not given:
            return "Missing header"
        given = given.removeprefix("hmac-").removeprefix(f"{algorithm}=")
        digests = [_digest(key, request.body, algorithm) for key in keys]
        if encoding == "base64":
            return _differs([given], [b64encode(digest).decode() for digest in digests], algorithm)
        return _differs([given.lower()], [digest.hex() for digest in digests], algorithm)

    return Verifier(check)


def _secrets(secret: object) -> list[str]:
    given = [secret] if isinstance(secret, str) else list(cast("Sequence[str]", secret or ()))
    if not given or not all(isinstance(one, str) and one for one in given):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError("There is no secret to verify with; is an environment variable not set?")
    return given


def _standard_keys(secret: str) -> list[bytes]:
    """Give the keys that a secret may stand for: it is base64 behind its prefix, unless somebody made it otherwise."""
    text = secret.removeprefix("whsec_")
    try:
        decoded = [b64decode(text, validate=True)]
    except (binascii.Error, ValueError):
        decoded = []
    keys = decoded if secret.startswith("whsec_") else [*decoded, secret.encode()]
    if not keys:
        raise InvalidArgumentError("What follows whsec_ in a secret is base64.")
    return keys


def _either(request: HttpRequest, *names: str) -> str | None:
    return next((request.headers[name] for name in names if request.headers.get(name)), None)


def _late(request: HttpRequest, at: str) -> str | None:
    came = datetime.now(UTC) if request.received_at is None else request.received_at
    if not (at.isascii() and at.isdecimal() and len(at) <= 12):
        return "The timestamp is none"
    if abs(came.timestamp() - int(at)) > TOLERANCE_SECONDS:
        return "The timestamp is too far from when the request came"
    return None


def _differs(given: Sequence[str], expected: Sequence[str], algorithm: str = "sha256") -> str | None:
    # Every one is compared, so that the time tells nothing.
    equal = [_hmac.compare_digest(one.encode(errors="replace"), other.encode()) for one in given for other in expected]
    return None if any(equal) else f"Failed {algorithm} verification"


def _digest(key: bytes, data: bytes, algorithm: str = "sha256") -> bytes:
    return _hmac.new(key, data, getattr(hashlib, algorithm)).digest()
