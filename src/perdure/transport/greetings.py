"""What an app answers to PING and VALIDATE (v2 protocol, sections 3.3 and 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from perdure.errors import FetchFailedError, JsonError
from perdure.protocol.json_text import check, load
from perdure.protocol.messages.headers import Action

if TYPE_CHECKING:
    from perdure.protocol.outbound import OutboundResponse

LONGEST: Final = 1_000
"""Characters of what an app says about itself that are told to others."""

_HINT: Final = "Make sure it points to the correct URL (you might be missing /api/trigger)"
# A boolean is a number to Python.
_KINDS: Final = (
    (type(None), "nothing"), (bool, "a boolean"), ((int, float), "a number"), (str, "text"), (list, "an array"),
    (dict, "an object"),
)  # fmt: skip
_NO_JSON: Final = f"Could not parse response from endpoint. {_HINT}"


def check_pong(answer: OutboundResponse, url: str) -> None:
    """Let an answer to PING pass that says that the app is there, and is the one that is meant.

    Raises:
        FetchFailedError: It says something else.
    """
    _read(answer, Action.PING, url)


def read_endpoint_id(answer: OutboundResponse, url: str) -> str:
    """Read the id that an app says is its own.

    Raises:
        FetchFailedError: It does not say it.
    """
    endpoint_id = _read(answer, Action.VALIDATE, url).get("endpointId")
    if not isinstance(endpoint_id, str) or not endpoint_id:
        raise _refused(url, f"Its answer to VALIDATE has no endpointId that is text, but {_shown(endpoint_id)}.")
    return endpoint_id


def _read(answer: OutboundResponse, action: Action, url: str) -> dict[str, Any]:
    try:
        said: Any = load(check(answer.body))
    except JsonError as error:
        raise FetchFailedError(_NO_JSON) from error
    if not isinstance(said, dict):
        raise _refused(url, f"Its answer to {action} is no object, but {_shown(said)}. {_HINT}")
    members = cast("dict[str, Any]", said)
    is_ok = members.get("ok")
    if not isinstance(is_ok, bool):
        raise _refused(url, f"Its answer to {action} has no ok that is true or false, but {_shown(is_ok)}. {_HINT}")
    if not is_ok:
        reason = members.get("error")
        if not isinstance(reason, str) or not reason.strip():
            raise _refused(url, f"Its answer to {action} has ok: false without an error that is text.")
        raise _refused(url, reason)
    return members


def _refused(url: str, said: str) -> FetchFailedError:
    shown = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    return FetchFailedError(f"Endpoint {url} responded with error: {shown}")


def _shown(value: object) -> str:
    return next(name for kinds, name in _KINDS if isinstance(value, kinds))
