"""Environments of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.routes import Route
from perdure.protocol.administration import EnvironmentAnswer
from perdure.protocol.api_bodies import NewEnvironment

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def list_environments(call: Call) -> Response:
    """List the environments that the key opens."""
    found = await call.desk.list_environments()
    if not call.access.is_owner:
        found = [one for one in found if one.slug == call.access.environment.slug]
    return answer(found)


async def create_environment(call: Call) -> Response:
    """Create an environment."""
    body = await call.body(NewEnvironment)
    return answer(await call.desk.create_environment(body.slug, body.type))


ROUTES = (
    Route(
        method="GET", path="/api/environments", handler=list_environments,
        summary="List the environments that the key opens", answer=list[EnvironmentAnswer],
    ),
    Route(
        method="POST", path="/api/environments", handler=create_environment, summary="Create an environment",
        body=NewEnvironment, answer=EnvironmentAnswer, is_for_owner=True,
    ),
)  # fmt: skip
