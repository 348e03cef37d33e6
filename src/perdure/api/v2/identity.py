"""Whom a key belongs to, and tunnels, as the v2 command line asks for them (v2 protocol, section 4.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.api.v2.shapes import instant, message_answer
from perdure.protocol.messages.identity import OrganizationRecord, ProjectRecord, WhoamiAnswer
from perdure.protocol.messages.tunnels import TunnelAnswer

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def who_am_i(call: Call) -> Response:
    """Say which environment a key opens."""
    remote, created_at = call.remote, instant(call.access.environment.created_at)
    environment, project, organization = remote.tenant.environment, remote.tenant.project, remote.tenant.organization
    public = remote.public_keys()
    return message_answer(
        WhoamiAnswer(
            id=environment.id,
            slug=environment.slug,
            type=environment.type,
            created_at=created_at,
            updated_at=created_at,
            # Clients want a text; without a public key there is none that opens anything.
            pk_api_key=public[0] if public else "",
            project=ProjectRecord(
                id=project.id, slug=project.slug, name=project.name, created_at=created_at, updated_at=created_at
            ),
            organization=OrganizationRecord(
                id=organization.id,
                slug=organization.slug,
                title=organization.title,
                created_at=created_at,
                updated_at=created_at,
            ),
        )
    )


async def refuse_tunnels(_call: Call) -> NoReturn:
    """Say that there are no tunnels, so that nobody waits for one."""
    raise Refusal(501, "no_tunnels", "This server makes no tunnels: register an app under a URL that it can reach.")


ROUTES = (
    Route(
        method="GET", path="/api/v1/whoami", handler=who_am_i, summary="Say which environment the key opens",
        answer=WhoamiAnswer, has_v2_form=True,
    ),
    Route(
        method="GET", path="/api/v1/tunnels", handler=refuse_tunnels, summary="Say that there are no tunnels",
        answer=TunnelAnswer, errors=(501,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/tunnels", handler=refuse_tunnels, summary="Say that there are no tunnels",
        answer=TunnelAnswer, errors=(501,), has_v2_form=True,
    ),
)  # fmt: skip
