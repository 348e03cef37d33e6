"""Reading the body of an answer within its limits, whatever it claims to be."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from perdure.errors import FetchFailedError, ResponseTooLargeError
from perdure.protocol.outbound import RESPONSE_BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zlib import _Decompress  # pyright: ignore[reportPrivateUsage]

RATIO_LIMIT: Final = 100
"""How many times its size as sent a body may have decompressed."""

RATIO_FLOOR: Final = 64 * 1024
"""Decompressed bytes up to which the ratio does not matter."""

_PIECE: Final = 64 * 1024
_MEMBER_LIMIT: Final = 100
_GZIP: Final = 16 + zlib.MAX_WBITS
_ENCODINGS: Final = {"": "identity", "identity": "identity", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


class UnreadableBody(Exception):
    """Why an answer that has come is none; it holds nothing of what has come."""


class BodyReader:
    """Takes the bytes of a body as they come in, and keeps them decompressed.

    Args:
        encoding: The answer's ``Content-Encoding``, or nothing.
        limit: Bytes that the body may have, both as sent and decompressed.

    Raises:
        FetchFailedError: The encoding is neither gzip nor deflate.
    """

    def __init__(self, encoding: str, *, limit: int = RESPONSE_BODY_LIMIT) -> None:
        self._limit = limit
        name = _ENCODINGS.get(encoding.strip().lower())
        if name is None:
            raise FetchFailedError(
                f"The answer has the encoding {encoding[:40]!r}; gzip, deflate and none at all can be read."
            ) from UnreadableBody()
        self._inflater = None if name == "identity" else _Inflater(name)
        self._body = bytearray()
        self._received = 0

    @property
    def size(self) -> int:
        """How many bytes are kept so far."""
        return len(self._body)

    def feed(self, data: bytes) -> None:
        """Take bytes as they were sent.

        Raises:
            ResponseTooLargeError: The body is too large, as sent or decompressed, or decompresses too well.
            FetchFailedError: The bytes are not what the encoding says.
        """
        self._received += len(data)
        if self._received > self._limit:
            raise too_large(self._limit)
        for piece in [data] if self._inflater is None else self._inflater.inflate(data):
            self._body += piece
            if len(self._body) > self._limit:
                raise too_large(self._limit)
            if len(self._body) > max(RATIO_FLOOR, RATIO_LIMIT * self._received):
                raise ResponseTooLargeError(
                    f"The answer is more than {RATIO_LIMIT} times as large decompressed as it was sent."
                )

    def finish(self) -> bytes:
        """Give the whole body, once all of it was fed.

        Raises:
            FetchFailedError: Compressed data ended early.
        """
        if self._inflater is not None and self._received:
            self._inflater.finish()
        return bytes(self._body)


def too_large(limit: int) -> ResponseTooLargeError:
    """Make the error for a body that is larger than what is read."""
    return ResponseTooLargeError(f"The answer is larger than {limit // 1024**2} MiB.")


class _Inflater:
    """Decompresses in pieces of bounded size."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
        self._members = 1

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """Give what some bytes decompress to."""
        try:
            yield from self._inflate(data)
        except zlib.error:
            raise FetchFailedError(f"The answer's body is not valid {self._encoding}.") from UnreadableBody()

    def finish(self) -> None:
        """Raise unless the compressed data is complete."""
        if self._stream is None or not self._stream.eof:
            sentence = f"The answer's body is cut off: its {self._encoding} data does not end."
            raise FetchFailedError(sentence) from UnreadableBody()

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        stream = self._stream = self._stream or _deflate_stream(data)
        while True:
            if stream.eof:
                # Bytes after the end are another member of the same body, or padding that everyone ignores.
                data = data or stream.unused_data
                if self._encoding != "gzip" or not data.startswith(b"\x1f"):
                    return
                stream = self._next_member()
            piece = stream.decompress(data, _PIECE)
            if piece:
                yield piece
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            # A full piece may be all that fitted, with more to come of bytes that were taken in already.
            if not data and (stream.eof or len(piece) < _PIECE):
                return

    def _next_member(self) -> _Decompress:
        self._members += 1
        if self._members > _MEMBER_LIMIT:
            sentence = f"The answer's body consists of more than {_MEMBER_LIMIT} gzip members."
            raise FetchFailedError(sentence) from UnreadableBody()
        self._stream = zlib.decompressobj(_GZIP)
        return self._stream


def _deflate_stream(data: bytes) -> _Decompress:
    # The standard means zlib's format, but some servers send it without zlib's two bytes in front.
    has_header = data[0] & 0x0F == 8 and (len(data) < 2 or int.from_bytes(data[:2], "big") % 31 == 0)
    return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
