"""What a fetch sends: the part of it that is shown, and the part that is secret (v2 protocol, sections 7.1 and 14).

A task's params hold the request with everything secret masked. What stands behind the masks is JSON of its own,
which the platform keeps encrypted until the task has ended.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.errors import InvalidArgumentError, InvalidUrlError
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.outbound import OutboundRequest
from perdure.protocol.redacted import MASK, RedactedString, is_secret_header, mask_url
from perdure.protocol.value_paths import type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

Text = str | RedactedString


class HiddenText(Struct, frozen=True):
    """A text, parts of which are shown masked."""

    sent: str
    shown: str

    def __repr__(self) -> str:
        return f"HiddenText({self.shown!r})"


class WebRequest(Struct, frozen=True):
    """A request, split.

    Attributes:
        sent: What is sent; it knows no timeout of its own yet.
        url: The URL as it is shown.
        init: v2's ``requestInit``, as it is shown.
        secrets: JSON text of what is masked there, or ``None``.
    """

    sent: OutboundRequest
    url: str
    init: dict[str, Any]
    secrets: JsonText | None

    def __repr__(self) -> str:
        return f"WebRequest({self.url!r})"


def split_request(
    *, method: str, url: Text, headers: Mapping[str, Text], body: str | bytes | HiddenText | None
) -> WebRequest:
    """Split a request into what is shown of it and what is secret.

    Secret are redacted strings, headers that are secret by their name, and the values of parameters of the URL's query
    that are.

    Raises:
        InvalidUrlError: Part of the URL's host is redacted.
    """
    sent_url, shown_url = _split_url(url)
    sent_body, shown_body = _split_body(body)
    sent_headers = {name: _reveal(value) for name, value in headers.items()}
    shown_headers = {name: _show_header(name, value) for name, value in headers.items()}
    init: dict[str, Any] = {"method": method}
    if shown_headers:
        init["headers"] = shown_headers
    if shown_body is not None:
        init["body"] = shown_body
    hidden = {name: value for name, value in sent_headers.items() if shown_headers[name] != value}
    secrets: dict[str, Any] = {}
    if sent_url != shown_url:
        secrets["url"] = sent_url
    if hidden:
        secrets["headers"] = hidden
    if isinstance(body, HiddenText) and body.sent != body.shown:
        secrets["body"] = body.sent
    sent = OutboundRequest(
        method, sent_url, tuple(sent_headers.items()), sent_body,
        secret_headers=tuple(name.lower() for name in hidden), is_body_secret="body" in secrets,
    )  # fmt: skip
    return WebRequest(sent, shown_url, init, JsonText(dump(secrets, root="secrets")) if secrets else None)


def join_request(params: Mapping[str, Any], secrets: JsonText | None, *, timeout: float) -> OutboundRequest:
    """Put a request together again, from a task's params and what they do not show.

    Args:
        params: With ``url`` and maybe ``requestInit``, in v2's form.
        secrets: What `split_request` gave.
        timeout: In seconds.

    Raises:
        InvalidArgumentError: The params are no request.
    """
    init: dict[str, Any] = _member(params, "requestInit", dict) or {}
    hidden: dict[str, Any] = {} if secrets is None else load(secrets)
    url = _member(params, "url", str)
    if url is None:
        raise InvalidArgumentError("params.url is missing.")
    headers: dict[str, Any] = _member(init, "headers", dict) or {}
    secret_headers: dict[str, str] = hidden.get("headers", {})
    for name, value in headers.items():
        if not isinstance(value, str):
            raise InvalidArgumentError(f"params.requestInit.headers: {name!r} is text, not {type_name(value)}.")
    return OutboundRequest(
        _member(init, "method", str) or "GET",
        hidden.get("url", url),
        tuple((headers | secret_headers).items()),
        _join_body(hidden.get("body", init.get("body"))),
        timeout,
        tuple(name.lower() for name in secret_headers),
        is_body_secret="body" in hidden,
    )


def _split_url(url: Text) -> tuple[str, str]:
    sent = _reveal(url)
    shown = mask_url(str(url))
    if isinstance(url, RedactedString) and _host_of(sent) != _host_of(shown):
        # Where requests go is said in messages and logs.
        raise InvalidUrlError("Only the path and the query of a URL can be redacted, not its host.")
    return sent, shown


def _host_of(url: str) -> str:
    return url.partition("?")[0].partition("#")[0].partition("://")[2].partition("/")[0]


def _split_body(body: str | bytes | HiddenText | None) -> tuple[bytes | None, str | dict[str, str] | None]:
    if body is None:
        return None, None
    if isinstance(body, bytes):
        return body, {"base64": b64encode(body).decode("ascii")}
    sent, shown = (body.sent, body.shown) if isinstance(body, HiddenText) else (body, body)
    try:
        return sent.encode(), shown
    except UnicodeEncodeError as error:
        raise InvalidArgumentError("The body of a request has a lone surrogate; pass bytes.") from error


def _join_body(body: object) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, str):
        return body.encode(errors="replace")
    if isinstance(body, dict):
        encoded = cast("dict[str, object]", body).get("base64")
        if isinstance(encoded, str):
            return b64decode(encoded)
    raise InvalidArgumentError("params.requestInit.body is neither text nor bytes in base 64.")


def _reveal(text: Text) -> str:
    return text.reveal() if isinstance(text, RedactedString) else text


def _show_header(name: str, value: Text) -> str:
    if isinstance(value, RedactedString) and value.has_hidden_parts:
        return str(value)
    return MASK if is_secret_header(name) else str(value)


def _member(params: Mapping[str, Any], name: str, kind: type) -> Any:
    value = params.get(name)
    if value is not None and not isinstance(value, kind):
        raise InvalidArgumentError(f"params: {name} cannot be {type_name(value)}.")
    return value
