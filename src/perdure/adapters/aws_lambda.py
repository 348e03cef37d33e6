"""An app's jobs as a function of AWS Lambda, behind API Gateway or a function URL."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

from perdure.adapters.blocking import BlockingHandler
from perdure.adapters.exchange import DEFAULT_PATH, AppAnswer, AppRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from perdure.sdk.client import Client

RESERVE_MS: Final = 2000
"""How many milliseconds of a function's time are left to the answer."""

_NOT_FOUND = AppAnswer(404, {"content-type": "application/json"}, b'{"message":"There is nothing under this path."}')


def handler(client: Client, *, path: str = DEFAULT_PATH) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """Make the function's handler: ``lambda_handler = handler(client)``.

    It takes the requests of API Gateway in both formats of their payloads, and those of function URLs. An execution
    ends in time by itself, and goes on in the next one.

    Args:
        client: The client.
        path: Where it answers; a stage before it, and ``/`` alone, will do as well.

    See also: v2 protocol, section 3.
    """
    blocking = BlockingHandler(client)
    own = f"/{path.strip('/')}"

    def answer(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        asked: str = (event.get("rawPath") or event.get("path") or "/").rstrip("/")
        is_meant = not asked or asked.endswith(own)
        made = blocking.handle(_request(event, context)) if is_meant else _NOT_FOUND
        return {
            "statusCode": made.status,
            "headers": dict(made.headers),
            "body": made.body.decode(),
            "isBase64Encoded": False,
        }

    return answer


def _request(event: Mapping[str, Any], context: Any) -> AppRequest:
    context_of: dict[str, Any] = event.get("requestContext") or {}
    about: dict[str, Any] = context_of.get("http") or {}
    method: str = event.get("httpMethod") or about.get("method", "POST")
    given: dict[str, str] = event.get("headers") or {}
    headers = {name.lower(): value for name, value in given.items()}
    text: str = event.get("body") or ""
    body = b64decode(text) if event.get("isBase64Encoded") else text.encode()
    left = getattr(context, "get_remaining_time_in_millis", None)
    # With less than that there is no time for anything, and none for saying so.
    time_left = None if left is None else max(left() - RESERVE_MS, 1)
    return AppRequest(method, headers, body, time_left)
