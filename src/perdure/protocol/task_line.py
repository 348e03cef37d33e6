"""A task line: a connection that batches of tasks go by, one after the other, between perdure's own apps and servers.

It begins as a signed HTTP request that asks for another protocol, and is that after the answer 101. From then on there
are frames: a length of four bytes, and as many bytes. What an app sends is a signature and a `TaskBatch`, and what it
gets a status, a time, and the body that an HTTP answer of that status would have.

Each signature is of the number of its frame and the batch, with a secret made of the API key and the id that the
opening was signed with, which is taken once. So no frame can be left out, come again, or go by another line.

A server may say something unasked, in between, to an app that has said that it listens: a *notice*, that waits of an
execution are over. It is signed as well, since what it says becomes results.
"""

from __future__ import annotations

import hmac
from hashlib import blake2b
from struct import Struct as Layout
from typing import Final

LINE_PATH: Final = "/api/task-line"
"""The path of the request that opens a line."""

LINE_PROTOCOL: Final = "perdure-tasks"
"""The protocol that the request asks for, in ``Upgrade``."""

LINE_IDLE_SECONDS: Final = 60.0
"""After how long unused an app opens another line; a server waits for twice as long."""

NOTICES_HEADER: Final = "Perdure-Notices"
"""With ``1`` an app says in its opening that it takes notices."""

NOTICE: Final = 100
"""The status of a frame that is no answer, but a notice."""

_LENGTH: Final = Layout("!I")
_ANSWER: Final = Layout("!HQ")
_MAC: Final = 32
_PURPOSE: Final = b"perdure task line v1\n"
_NOTICES: Final = b"notices"


class LineFrameError(Exception):
    """Bytes that are no frame, or not of who is at the other end of the line."""


def line_secret(api_key: str, signed_id: str) -> bytes:
    """Make the secret of a line.

    Args:
        api_key: The key that both sides have.
        signed_id: The id that the opening was signed with.
    """
    return hmac.digest(api_key.encode(), _PURPOSE + signed_id.encode(), "sha256")


def batch_frame(secret: bytes, number: int, batch: bytes) -> bytes:
    """Write the frame of a batch.

    Args:
        secret: That of the line.
        number: How many frames this side has sent before.
        batch: The batch, packed.
    """
    return b"".join((_LENGTH.pack(_MAC + len(batch)), _mac(secret, number, batch), batch))


def read_batch(secret: bytes, number: int, frame: bytes) -> bytes:
    """Read what `batch_frame` wrote, after its length.

    Raises:
        LineFrameError: It is not of who has opened the line, or not the next one.
    """
    batch = frame[_MAC:]
    if not hmac.compare_digest(frame[:_MAC], _mac(secret, number, batch)):
        raise LineFrameError("The batch is not signed by who has opened the line, or not in its turn.")
    return batch


def answer_frame(status: int, body: bytes, *, reset: int = 0) -> bytes:
    """Write the frame of an answer.

    Args:
        status: The status of an HTTP answer.
        body: Its body.
        reset: For the status 429: when to ask again, in Unix time in milliseconds.
    """
    return b"".join((_LENGTH.pack(_ANSWER.size + len(body)), _ANSWER.pack(status, reset), body))


def read_answer(frame: bytes) -> tuple[int, bytes, int]:
    """Read what `answer_frame` wrote, after its length: the status, the body, the time.

    Raises:
        LineFrameError: It is too short.
    """
    if len(frame) < _ANSWER.size:
        raise LineFrameError("The answer is too short.")
    status, reset = _ANSWER.unpack_from(frame)
    return status, frame[_ANSWER.size :], reset


def notice_frame(secret: bytes, number: int, body: bytes) -> bytes:
    """Write the frame of a notice.

    Args:
        secret: That of the line.
        number: How many notices have gone by it before.
        body: What is told.
    """
    return answer_frame(NOTICE, _mac(secret, number, body, _NOTICES) + body)


def read_notice(secret: bytes, number: int, signed: bytes) -> bytes:
    """Read what a frame with the status `NOTICE` has for a body.

    Raises:
        LineFrameError: It is not of the server that has opened the line, or not the next one.
    """
    body = signed[_MAC:]
    if not hmac.compare_digest(signed[:_MAC], _mac(secret, number, body, _NOTICES)):
        raise LineFrameError("The notice is not signed by the server, or not in its turn.")
    return body


class FrameReader:
    """Puts the bytes of a connection together to frames.

    Args:
        limit: How many bytes a frame may have.
    """

    __slots__ = ("_end", "_held", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit + _LENGTH.size
        self._held = bytearray()
        # What is held is looked at again when it is at least as long.
        self._end = _LENGTH.size

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; the frame, without its length, if it is whole now.

        Raises:
            LineFrameError: A frame is too long, or more follows it: each is answered before the next is sent.
        """
        size = _LENGTH.size
        if not self._held and size <= len(data) <= self._limit and len(data) == size + _LENGTH.unpack_from(data)[0]:
            # One frame, whole, and nothing else: what a step is.
            return data[size:]
        frames = self.feed_all(data)
        if len(frames) > 1 or (frames and self._held):
            raise LineFrameError("A frame was sent before the one before it was answered.")
        return frames[0] if frames else None

    def feed_all(self, data: bytes) -> list[bytes]:
        """Take bytes; the frames, without their lengths, that are whole now.

        Raises:
            LineFrameError: A frame is too long.
        """
        held = self._held
        if held:
            held += data
            if len(held) < self._end:
                return []
            data = bytes(held)
            held.clear()
        frames: list[bytes] = []
        start, self._end = 0, _LENGTH.size
        while len(data) - start >= _LENGTH.size:
            self._end = _LENGTH.size + _LENGTH.unpack_from(data, start)[0]
            if self._end > self._limit:
                raise LineFrameError("A frame is too long.")
            if len(data) - start < self._end:
                break
            frames.append(data[start + _LENGTH.size : start + self._end])
            start += self._end
            self._end = _LENGTH.size
        held += data[start:]
        return frames


def _mac(secret: bytes, number: int, body: bytes, person: bytes = b"") -> bytes:
    # What OpenSSL does for an HMAC is four times as slow in a process that has just slept, which it has for each step.
    return blake2b(number.to_bytes(8, "big") + body, key=secret, digest_size=_MAC, person=person).digest()
