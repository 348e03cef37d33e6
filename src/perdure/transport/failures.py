"""What went wrong with a request, in words that hold no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ClientSSLError,
    ServerDisconnectedError,
)
from aiohttp.http_exceptions import LineTooLong

from perdure.errors import FetchFailedError, ResponseTooLargeError
from perdure.transport.body import UnreadableBody
from perdure.transport.reasons import certificate_reason, reason_of

if TYPE_CHECKING:
    from aiohttp import ClientError

    from perdure.protocol.web_url import WebUrl

_FLOODS: Final = ("Too many headers", "Got more than")


def translate(error: ClientError | OSError, url: WebUrl) -> FetchFailedError:
    """Make the error for a request that got no usable answer.

    The client's own words are left out: they may hold the URL's query, or what the other side made up.

    Args:
        error: What the HTTP client raised.
        url: What was requested.
    """
    match error:
        case ClientConnectorDNSError():
            return FetchFailedError(f"The name {url.host!r} has no address.")
        case ClientConnectorCertificateError():
            return FetchFailedError(f"The certificate of {url.origin} is not trusted: {certificate_reason(error)}.")
        case ClientSSLError():
            return FetchFailedError(f"{url.origin} does not speak TLS that can be agreed on.")
        case ClientConnectorError():
            return FetchFailedError(f"There is no connection to {url.origin}: {reason_of(error)}.")
        case ClientResponseError() | ClientPayloadError() if _is_flood(error):
            return ResponseTooLargeError(f"{url.origin} answered with more headers than are read.")
        case ClientResponseError():
            return FetchFailedError(f"{url.origin} answered with something that is not HTTP.")
        case ClientPayloadError():
            return FetchFailedError(f"The answer of {url.origin} is cut off or garbled.")
        case ServerDisconnectedError():
            return FetchFailedError(f"{url.origin} closed the connection without an answer.")
        case _:
            return FetchFailedError(f"The connection to {url.origin} was lost: {reason_of(error)}.")


def was_cut_off(error: FetchFailedError) -> bool:
    """Say whether there was a connection, which ended before the whole answer had come.

    Args:
        error: What `translate` made, as it was raised in the handling of what the client had raised.
    """
    cause = error.__context__
    if isinstance(error, ResponseTooLargeError) or isinstance(cause, ClientConnectorError):
        return False
    return isinstance(cause, ServerDisconnectedError | ClientOSError | ClientPayloadError)


def is_no_answer(error: FetchFailedError) -> bool:
    """Say whether something has come that is not read as an answer; the error is one as for `was_cut_off`."""
    if isinstance(error, ResponseTooLargeError) or isinstance(error.__cause__, UnreadableBody):
        return True
    return isinstance(error.__context__, ClientResponseError)


def _is_flood(error: BaseException | None) -> bool:
    while error is not None:
        # Not every error of the client's parser keeps its type on the way here.
        if isinstance(error, LineTooLong) or any(words in str(error) for words in _FLOODS):
            return True
        error = error.__cause__
    return False
