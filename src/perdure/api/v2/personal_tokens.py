"""Personal access tokens of the v2 protocol (section 4.11): there are none, and whoever asks learns what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.protocol.messages.identity import AuthorizationCodeAnswer, TokenAnswer, TokenBody, UserAnswer

if TYPE_CHECKING:
    from perdure.api.calls import Call

CODE: Final = "no_personal_tokens"

_SENTENCE: Final = (
    "This server has no users, and so no personal access tokens that one could allow. Ask with a private API key of "
    "the environment, as GET /api/v1/whoami does: `perdure keys create` makes one."
)


async def refuse_user(_call: Call) -> NoReturn:
    """Say that no token belongs to a user."""
    raise Refusal(401, CODE, _SENTENCE, headers={"WWW-Authenticate": "Bearer"})


async def refuse_token(_call: Call) -> NoReturn:
    """Say that there is nobody who could allow a token, so that nobody waits until that is done."""
    raise Refusal(403, CODE, _SENTENCE)


ROUTES = (
    Route(
        method="GET", path="/api/v2/whoami", handler=refuse_user,
        summary="Say that there are no personal access tokens", answer=UserAnswer, errors=(401,), is_open=True,
        has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/authorization-code", handler=refuse_token,
        summary="Say that there are no personal access tokens", answer=AuthorizationCodeAnswer, errors=(403,),
        is_open=True, has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/token", handler=refuse_token,
        summary="Say that there are no personal access tokens", body=TokenBody, answer=TokenAnswer, errors=(403,),
        is_open=True, has_v2_form=True,
    ),
)  # fmt: skip
