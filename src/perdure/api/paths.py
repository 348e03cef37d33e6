"""The path of a request, as it was sent: a slash inside an id is ``%2F``, and no slash of the path."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_to_bytes

from perdure.api.refusals import Refusal

if TYPE_CHECKING:
    from starlette.types import Scope


def sent_path(scope: Scope) -> str:
    """Give the part of a request's path that lies below where the app is mounted, still percent-encoded.

    Servers hand over ``path`` decoded. ``raw_path``, where they give it, is the whole path as it was sent, and an app
    around this one may have taken its mark off ``path`` alone.
    """
    path, root = scope["path"], scope.get("root_path", "")
    if root and path.startswith(root) and path[len(root) :][:1] in ("", "/"):
        path = path[len(root) :]
    raw: bytes = scope.get("raw_path") or b""
    sent = raw.partition(b"?")[0].decode("latin-1")
    if unquote(sent) == path:
        return sent
    segments = sent.split("/")
    above = len(unquote(sent)) - len(path)
    for start, segment in enumerate(segments):
        if above < 0:
            below = "/" + "/".join(segments[start:])
            return below if unquote(below) == path else quote(path)
        above -= len(unquote(segment)) + 1
    return quote(path)


def decode_segment(segment: str) -> str:
    """Decode a segment of a path, once.

    Raises:
        Refusal: It is no UTF-8.
    """
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise Refusal(404, "not_found", "There is nothing under this path: it is not UTF-8.") from None
