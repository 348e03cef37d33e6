"""Which ends of its runs an app wants to be told of: it says so with its answers to executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import JsonError
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.execution import RunMetadata
from perdure.protocol.messages.headers import RUN_METADATA_HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.protocol.outbound import OutboundResponse


class WantedEnds:
    """What an app has said last of each of its jobs.

    Args:
        listens: Told which ends of a job's runs the app wants to be told of.
    """

    def __init__(self, listens: Callable[[str, RunMetadata], Awaitable[None]]) -> None:
        self._listens = listens
        self._known: dict[str, RunMetadata] = {}

    async def learn(self, job_id: str, answer: OutboundResponse) -> None:
        """Note what an answer to an execution says of the job."""
        text = next((value for name, value in answer.headers if name == RUN_METADATA_HEADER), None)
        try:
            said = RunMetadata() if text is None else decode_message(text.encode(), RunMetadata)
        except (JsonError, MessageShapeError):
            return
        if self._known.get(job_id) != said:
            await self._listens(job_id, said)
            self._known[job_id] = said
