"""Reading server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import PerdureError
from perdure.transport.node_request import ANSWER_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def read_events(parts: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """Read events from the parts of a body as they come: the name and the data of each; comments are left out.

    Raises:
        PerdureError: An event is too large.
    """
    event = EventLines()
    rest = b""
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            found = event.take(line.removesuffix(b"\r"))
            if found is not None:
                yield found
        if event.size + len(rest) > ANSWER_LIMIT:
            raise PerdureError(f"An event of the stream is over {ANSWER_LIMIT:,} bytes.")


class EventLines:
    """The lines of one event after the other.

    Attributes:
        size: How many bytes of data the event at hand has.
    """

    def __init__(self) -> None:
        self.size = 0
        self._name = ""
        self._data: list[bytes] = []

    def take(self, line: bytes) -> tuple[str, bytes] | None:
        """Take a line; the event that it ends, if it ends one that has data."""
        if line:
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                self._name = value.decode(errors="replace")
            elif field == b"data":
                self._data.append(value)
                self.size += len(value)
            return None
        found = (self._name or "message", b"\n".join(self._data)) if self._data else None
        self._name, self._data, self.size = "", [], 0
        return found
