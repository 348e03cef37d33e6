"""Deploy hooks: URLs with a secret part, where a platform says that an app was deployed (v2 protocol, section 4.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import JsonAnswer
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal
from perdure.api.secret_urls import SecretUrlRoute
from perdure.engine.lookout import UNKNOWN
from perdure.errors import NotFoundError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from perdure.engine.environments import Environments


class DeployHookRoute(SecretUrlRoute):
    """An ASGI application that has apps asked anew."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def _receive(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            raise Refusal(405, "method_not_allowed", "This path takes GET and POST.", headers={"Allow": "GET, POST"})
        environment_id, endpoint_id, hook = (
            decode_segment(request.path_params[name]) for name in ("environment_id", "endpoint_id", "hook")
        )
        for one in self._environments.all():
            if one.remote.tenant.environment.id == environment_id:
                await one.remote.endpoints.lookout.index_later(endpoint_id, hook)
                return JsonAnswer(b'{"ok":true}')
        raise NotFoundError(UNKNOWN)
