"""An app's jobs as a WSGI application."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from perdure.adapters.blocking import BlockingHandler, is_only_thread
from perdure.adapters.exchange import BODY_LIMIT, DEFAULT_PATH, TOO_LARGE, AppAnswer, AppRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from perdure.sdk.client import Client

    StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_NOT_FOUND = AppAnswer(404, {"content-type": "application/json"}, b'{"message":"There is nothing under this path."}')


class WsgiJobs:
    """The jobs of a client as a WSGI application: alone, or mounted in another one.

    Jobs run on an event loop in a thread of its own, one for each process; a request blocks its worker for as long as
    the execution takes.

    Args:
        client: The client.
        path: Under which path it answers if it is not mounted.
    """

    def __init__(self, client: Client, *, path: str = DEFAULT_PATH) -> None:
        self._handler = BlockingHandler(client)
        self._path = f"/{path.strip('/')}"

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        answer = self._answer(environ)
        headers = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> AppAnswer:
        if environ.get("PATH_INFO", "").rstrip("/") not in ("", self._path):
            return _NOT_FOUND
        body = _read_body(environ)
        if body is None:
            return TOO_LARGE
        return self._handler.handle(
            AppRequest(environ["REQUEST_METHOD"], _headers(environ), body), is_only_thread=is_only_thread(environ)
        )


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def _read_body(environ: Mapping[str, Any]) -> bytes | None:
    """Read the body; ``None``: it is too large."""
    length, stream = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
    if length.isdecimal():
        return stream.read(int(length)) if int(length) <= BODY_LIMIT else None
    # Without a length there is a body only where the server marks its end.
    body: bytes = stream.read(BODY_LIMIT + 1) if environ.get("wsgi.input_terminated") else b""
    return body if len(body) <= BODY_LIMIT else None
