"""Routes whose URL is the secret: whoever knows it needs no key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from starlette.requests import Request

from perdure.api.answers import new_request_id, refuse
from perdure.api.refusals import refusal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from perdure.api.refusals import Refusal


class SecretUrlRoute(ABC):
    """An ASGI application that answers requests to such URLs."""

    headers: ClassVar[Mapping[str, str]] = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    """What every answer has: the URL is not to be passed on or kept."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, when what it asks for is durable."""
        request_id = new_request_id()
        try:
            response = await self._receive(Request(scope, receive))
        except Exception as error:
            response = refuse(self._refusal(error, request_id), request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers.update(self.headers)
        await response(scope, receive, send)

    @abstractmethod
    async def _receive(self, request: Request) -> Response:
        """Do what a request asks for."""

    def _refusal(self, error: Exception, request_id: str) -> Refusal:
        """Say why it was not done."""
        return refusal_of(error, request_id)
