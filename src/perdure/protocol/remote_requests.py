"""The params of fetches and polls as endpoints elsewhere send them (v2 protocol, sections 7.1 and 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from perdure.errors import InvalidArgumentError
from perdure.protocol.redacted import RedactedString, is_redacted_wire, redacted_from_wire
from perdure.protocol.value_paths import type_name
from perdure.protocol.web_requests import HiddenText, split_request

if TYPE_CHECKING:
    from perdure.protocol.json_text import JsonText


def split_params(params: object) -> tuple[Any, JsonText | None]:
    """Split the params of an operation into what is stored and shown of them, and what is secret.

    Raises:
        InvalidArgumentError: They describe no request.
    """
    if not isinstance(params, dict):
        raise InvalidArgumentError(f"The params of a fetch are an object, not {type_name(params)}.")
    given = cast("dict[str, Any]", params)
    init: object = given.get("requestInit") or {}
    if not isinstance(init, dict):
        raise InvalidArgumentError(f"params.requestInit is an object, not {type_name(init)}.")
    request: dict[str, Any] = cast("dict[str, Any]", init)
    headers: object = request.get("headers") or {}
    if not isinstance(headers, dict):
        raise InvalidArgumentError(f"params.requestInit.headers is an object, not {type_name(headers)}.")
    url, body = _text(given.get("url"), "url"), request.get("body")
    split = split_request(
        method=str(request.get("method") or "GET").upper(),
        url=url,
        headers={name: _text(value, f"header {name}") for name, value in cast("dict[str, Any]", headers).items()},
        body=None if body is None else _body(body),
    )
    return {**given, "url": split.url, "requestInit": split.init}, split.secrets


def _text(value: object, what: str) -> str | RedactedString:
    if is_redacted_wire(value):
        return redacted_from_wire(value)
    if not isinstance(value, str):
        raise InvalidArgumentError(f"The {what} of a fetch is text, not {type_name(value)}.")
    return value


def _body(value: object) -> str | HiddenText:
    text = _text(value, "body")
    return HiddenText(text.reveal(), str(text)) if isinstance(text, RedactedString) else text
