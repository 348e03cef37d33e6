"""Why there is no connection, or no longer one: in words that hold no secret."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final

_NAMED: Final = {
    "ClientPayloadError": "the answer was cut off",
    "IncompleteReadError": "the answer was cut off",
    "ServerDisconnectedError": "it was closed",
    "ConnectionTimeoutError": "it took too long",
    "SocketTimeoutError": "nothing came for too long",
    "TimeoutError": "it took too long",
}


def reason_of(error: BaseException) -> str:
    """Say what went wrong with a connection; what the other side said is left out.

    Args:
        error: What a socket, TLS or the HTTP client has raised.
    """
    untrusted = certificate_reason(error)
    if untrusted is not None:
        return f"its certificate is not trusted, {untrusted}; SSL_CERT_FILE names a file with authorities to trust"
    if isinstance(error, ssl.SSLError):
        # Its number is none of the system's.
        return "it does not speak TLS that can be agreed on"
    if isinstance(error, socket.gaierror):
        return error.strerror or "its name is not known"
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    kind = type(error).__name__
    return _NAMED.get(kind, kind)


def certificate_reason(error: BaseException) -> str | None:
    """Say why a certificate is not trusted; ``None``: it was not that."""
    # What the HTTP client makes of it is of the same type, and has no words.
    found = getattr(error, "certificate_error", error)
    if not isinstance(found, ssl.SSLCertVerificationError):
        return None
    return str(getattr(found, "verify_message", "")).rstrip(".") or "it could not be verified"
