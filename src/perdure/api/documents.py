"""The document that describes the API, served by it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from perdure.api.answers import JsonAnswer
from perdure.api.routes import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def get_document(_call: Call) -> Response:
    """Answer with the OpenAPI document of all routes."""
    return JsonAnswer(_document())


@cache
def _document() -> bytes:
    # It describes this route, too, so it is made when somebody asks.
    from perdure.api.app import all_routes
    from perdure.api.openapi import describe

    return msgspec.json.encode(describe(all_routes()))


ROUTES = (
    Route(
        method="GET", path="/api/openapi.json", handler=get_document, summary="Describe the API, in OpenAPI 3.1",
        is_open=True,
    ),
)  # fmt: skip
