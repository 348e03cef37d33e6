"""What executions of perdure's own apps have to store, many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from starlette.responses import Response

from perdure.api.bodies import read_body
from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.errors import Issue
from perdure.protocol.messages.codec import MessageShapeError
from perdure.protocol.task_batches import (
    BATCH_BYTES,
    BATCH_TYPE,
    MOST_ITEMS,
    BatchAnswer,
    BatchOutcome,
    TaskBatch,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from perdure.api.calls import Call
    from perdure.engine.holds import Tell
    from perdure.engine.remote_desk import RemoteDesk


class BatchResponse(Response):
    """An answer in MessagePack."""

    media_type = BATCH_TYPE


async def take_batch(call: Call) -> Response:
    """Store what executions ask for; the answer says of each what became of it."""
    if call.request.headers.get("content-type", "") != BATCH_TYPE:
        raise Refusal(415, "unsupported_media_type", f"Send a batch, with Content-Type: {BATCH_TYPE}.")
    return BatchResponse(await store_batch(call.remote, await read_body(call.request, limit=BATCH_BYTES)))


async def store_batch(remote: RemoteDesk, body: bytes, tell: Tell | None = None) -> bytes:
    """Store what a batch asks for; the answer, packed.

    Args:
        remote: Who stores it.
        body: The batch, packed.
        tell: Tells whoever has sent it of waits that are over; ``None``: that cannot be.

    Raises:
        MessageShapeError: It is no batch.
        StorageError: The database cannot do it now.
    """
    batch = unpack(body, TaskBatch)
    if len(batch.items) > MOST_ITEMS:
        sentence = f"A batch has {MOST_ITEMS:,} items at most, not {len(batch.items):,}."
        raise MessageShapeError(sentence, issues=[Issue(["items"], sentence)])
    outcomes = await remote.batches.take(batch.items, tell)
    return pack(BatchAnswer(list(map(_ending, outcomes)) if remote.is_stopping else outcomes))


def _ending(outcome: BatchOutcome | None) -> BatchOutcome:
    return BatchOutcome(ends=True) if outcome is None else replace(outcome, ends=True)


ROUTES = (
    Route(
        method="POST", path="/api/task-batches", handler=take_batch,
        summary="Store what executions of an app of perdure's ask for, in MessagePack", body=TaskBatch,
        answer=BatchAnswer, content_type=BATCH_TYPE,
    ),
)  # fmt: skip
