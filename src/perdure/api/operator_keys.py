"""Keys of an environment, as the operator of a server makes, exchanges and revokes them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.routes import Route
from perdure.errors import InvalidArgumentError
from perdure.protocol.administration import KeyAnswer, MadeKeyAnswer
from perdure.protocol.api_bodies import Deleted, NewKey, RotateKey

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

_LONGEST_SECONDS = 24 * 3600


async def list_keys(call: Call) -> Response:
    """List the keys of an environment."""
    return answer(await call.desk.list_keys())


async def create_key(call: Call) -> Response:
    """Make a key."""
    body = await call.body(NewKey, or_nothing=True)
    return answer(await call.desk.create_key(is_public=body.is_public))


async def rotate_key(call: Call) -> Response:
    """Make a key in place of another."""
    body = await call.body(RotateKey, or_nothing=True)
    if not 0 <= body.overlap <= _LONGEST_SECONDS:
        raise InvalidArgumentError(f"overlap={body.overlap:g}: it is 0 to {_LONGEST_SECONDS:,} seconds.")
    return answer(await call.desk.rotate_key(call.part("key_id"), overlap=timedelta(seconds=body.overlap)))


async def revoke_key(call: Call) -> Response:
    """Take a key back."""
    await call.desk.revoke_key(call.part("key_id"))
    return answer(Deleted(True))


ROUTES = (
    Route(
        method="GET", path="/api/keys", handler=list_keys, summary="List the keys of an environment",
        answer=list[KeyAnswer], is_for_owner=True,
    ),
    Route(
        method="POST", path="/api/keys", handler=create_key, summary="Make a key; only this answer has it whole",
        body=NewKey, may_be_empty=True, answer=MadeKeyAnswer, is_for_owner=True,
    ),
    Route(
        method="POST", path="/api/keys/{key_id}/rotate", handler=rotate_key,
        summary="Make a key in place of another, which stays valid for a while", body=RotateKey, may_be_empty=True,
        answer=MadeKeyAnswer, errors=(404,), is_for_owner=True,
    ),
    Route(
        method="DELETE", path="/api/keys/{key_id}", handler=revoke_key, summary="Take a key back", answer=Deleted,
        errors=(404,), is_for_owner=True,
    ),
)  # fmt: skip
