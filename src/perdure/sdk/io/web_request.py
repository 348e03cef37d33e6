"""The arguments that say what a fetch or a poll sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from perdure.errors import InvalidArgumentError, InvalidHeaderError, InvalidUrlError
from perdure.protocol.outbound import check_outbound
from perdure.protocol.redacted import RedactedString
from perdure.protocol.value_paths import type_name
from perdure.protocol.web_requests import HiddenText, WebRequest, split_request
from perdure.sdk.durations import seconds_of
from perdure.sdk.plain_codec import PLAIN

if TYPE_CHECKING:
    from perdure.protocol.execution import JsonText
    from perdure.protocol.retries import RetryOptions

Text = str | RedactedString


def read_request(
    *,
    url: Text | None,
    method: str,
    headers: Mapping[str, Text] | None,
    body: str | bytes | RedactedString | None,
    json: Any,
    timeout: float,
) -> tuple[WebRequest, str]:
    """Check what is to be sent, and split it into what is shown and what is secret.

    Returns:
        The request, and what its task is named after: the host and the path of the URL.

    Raises:
        InvalidUrlError: The URL cannot be requested.
        InvalidHeaderError: A header is malformed, or one that perdure sets.
        InvalidArgumentError: Another argument is outside what the call accepts.
        ValueTooLargeError: The body has more than 3 MiB.
        UnserializableOutputError: ``json`` has no JSON form.
        BlockedAddressError: The URL's host is a number in an unusual spelling.
    """
    if not isinstance(url, str | RedactedString):
        raise InvalidUrlError(f"The URL to request is text or a redact_string, not {type_name(url)}.")
    if not isinstance(cast("object", method), str):
        raise InvalidArgumentError(f"method= is text such as GET; it was given {method!r:.60}.")
    given = _read_headers(headers)
    content = _read_body(body, json)
    if json is not None and not any(name.lower() == "content-type" for name in given):
        given["Content-Type"] = "application/json"
    request = split_request(method=method.upper(), url=url, headers=given, body=content)
    checked = check_outbound(replace(request.sent, timeout=timeout))
    path = request.url.partition("?")[0].partition("#")[0].partition("://")[2].partition("/")[2]
    return request, f"{checked.host}/{path}"


def read_timeout(value: float | timedelta, *, what: str, shortest: float, longest: float) -> float:
    """Read a duration within bounds, in seconds.

    Raises:
        InvalidArgumentError: It is none, or lies outside the bounds.
    """
    seconds = seconds_of(value, what=what)
    if not shortest <= seconds <= longest:
        raise InvalidArgumentError(
            f"{what} is a duration from {shortest:,g} to {longest:,.0f} seconds, not {value!r:.80}."
        )
    return seconds


def timeout_params(seconds: float, retry: RetryOptions | None) -> dict[str, Any]:
    """Give a timeout in v2's form."""
    milliseconds = seconds * 1000
    params: dict[str, Any] = {"durationInMs": int(milliseconds) if milliseconds.is_integer() else milliseconds}
    if retry is not None:
        params["retry"] = retry.to_wire()
    return params


def without_headers(params: Mapping[str, Any]) -> dict[str, Any]:
    """Copy params without the request's headers, which are not compared on replay."""
    init = {name: value for name, value in params["requestInit"].items() if name != "headers"}
    return {**params, "requestInit": init}


def _read_headers(headers: object) -> dict[str, Text]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidHeaderError(f"headers= is a dict of names and values, not {type_name(headers)}.")
    for name, value in cast("Mapping[object, object]", headers).items():
        if not isinstance(name, str) or not isinstance(value, str | RedactedString):
            # The value is not repeated: it may be secret.
            raise InvalidHeaderError(
                f"The header {name!r:.60} is text, or a redact_string; it was given {type_name(value)}."
            )
    return dict(cast("Mapping[str, Text]", headers))


def _read_body(body: object, json: Any) -> str | bytes | HiddenText | None:
    if json is not None:
        if body is not None:
            raise InvalidArgumentError("A request has either body= or json=, not both.")
        sent, shown = _encode(_reveal(json)), _encode(json)
        return sent if sent == shown else HiddenText(sent, shown)
    if isinstance(body, RedactedString):
        return HiddenText(body.reveal(), str(body))
    if body is None or isinstance(body, str | bytes):
        return body
    raise InvalidArgumentError(f"body= is text or bytes, not {type_name(body)}; json= takes any value.")


def _encode(value: Any) -> JsonText:
    return PLAIN.encode(value, "json")


def _reveal(value: object) -> object:
    """Copy a value with its redacted strings as they are to be sent, as far as they stand in dicts and lists."""
    if isinstance(value, RedactedString):
        return value.reveal()
    if isinstance(value, dict):
        return {name: _reveal(member) for name, member in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_reveal(item) for item in cast("Sequence[object]", value)]
    return value
