"""What a redirect asks for: the rules of browsers, and no credentials for anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from perdure.errors import FetchFailedError
from perdure.protocol.redacted import is_secret_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.protocol.outbound import OutboundRequest

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def redirect_location(status: int, headers: Iterable[tuple[str, str]]) -> str | None:
    """Give where an answer redirects to, or ``None`` if it is no redirect.

    Args:
        status: The answer's status.
        headers: Its headers, names in lower case.
    """
    if status not in _REDIRECTS:
        return None
    return next((value for name, value in headers if name == "location" and value), None)


def redirected_request(request: OutboundRequest, *, url: str, status: int, same_origin: bool) -> OutboundRequest:
    """Make the request that follows a redirect.

    Args:
        request: The request that was answered with it.
        url: Where it leads.
        status: The status of the redirect; 303, and 301 and 302 after POST, turn the request into a GET.
        same_origin: Whether scheme, host and port stay the same; credentials are sent on only then.

    Raises:
        FetchFailedError: The body would be sent on, and is none of those that may be.
    """
    method, body, headers = request.method.upper(), request.body, request.headers
    if (status == 303 and method not in {"GET", "HEAD"}) or (status in {301, 302} and method == "POST"):
        method, body = "GET", None
        headers = tuple((name, value) for name, value in headers if not name.lower().startswith("content-"))
    if not same_origin:
        headers = tuple((name, value) for name, value in headers if not _is_credential(name, request))
        if body is not None and request.is_body_secret:
            raise FetchFailedError(
                "It redirects to another origin with a request whose body holds redacted values: they are not sent "
                "there. Request the URL that it leads to."
            )
    return replace(request, method=method, url=url, headers=headers, body=body)


def _is_credential(name: str, request: OutboundRequest) -> bool:
    return is_secret_header(name) or name.lower() in request.secret_headers
