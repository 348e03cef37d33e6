"""Lists as one query parameter, and the few values perdure itself keeps as JSON text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from perdure.protocol.execution import ErrorInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_encode = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(ErrorInfo).decode
_decode_texts = msgspec.json.Decoder(list[str]).decode
_SURROGATE = re.compile("[\ud800-\udfff]")


def number_list(numbers: Iterable[int]) -> str:
    """Write numbers as a JSON array."""
    return f"[{','.join(map(str, numbers))}]"


def text_list(texts: Sequence[str]) -> str:
    """Write texts as a JSON array."""
    return _encode(texts).decode()


def read_texts(text: str | None) -> tuple[str, ...]:
    """Read what `text_list` wrote; nothing stored is no texts."""
    return () if text is None else tuple(_decode_texts(text))


def error_text(error: ErrorInfo) -> str:
    """Write an error as it is stored; a lone surrogate becomes U+FFFD, which every database takes."""
    try:
        return _encode(error).decode()
    except UnicodeEncodeError:
        clean = [
            None if part is None else _SURROGATE.sub("\ufffd", part)
            for part in (error.name, error.message, error.stack)
        ]
        return _encode({"name": clean[0], "message": clean[1], "stack": clean[2], "data": error.data}).decode()


def read_error(text: str | None) -> ErrorInfo | None:
    """Read what `error_text` wrote."""
    return None if text is None else _decode_error(text)
