"""Workers: how they learn what to do, and say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.refusals import unfit
from perdure.api.routes import Parameter, Route
from perdure.api.streams import EventStream
from perdure.protocol.api_json import decode
from perdure.protocol.worker_messages import WorkerAnswer, WorkerBeat, WorkerCall, WorkerKnown

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

ANSWER_LIMIT = 16 * 1024 * 1024
"""How many bytes the answer of a worker may have."""


async def follow_calls(call: Call) -> Response:
    """Connect a worker: it is sent what it is to do, for as long as it reads."""
    endpoint_id, worker_id = call.part("endpoint_id"), call.text("worker")
    if worker_id is None:
        raise unfit("worker", "A worker names itself: worker=ID.")
    workers = call.remote.workers
    workers.check(endpoint_id, worker_id)
    return EventStream(workers.calls(endpoint_id, worker_id), workers.stopping, lambda: None)


async def take_answer(call: Call) -> Response:
    """Take what came of an action."""
    text = await call.json_text(limit=ANSWER_LIMIT, depth=1)
    said = decode(text.encode(), WorkerAnswer, is_strict=True)
    return answer(WorkerKnown(call.remote.workers.answer(call.part("endpoint_id"), said)))


async def take_beat(call: Call) -> Response:
    """Take a sign of life."""
    beat = await call.body(WorkerBeat)
    known = call.remote.workers.beat(call.part("endpoint_id"), beat.worker, is_draining=beat.draining)
    return answer(WorkerKnown(known))


_PATH = "/api/workers/{endpoint_id}"

ROUTES = (
    Route(
        method="GET", path=f"{_PATH}/calls", handler=follow_calls,
        summary="Connect a worker: what it is to do, as it comes", answer=WorkerCall,
        query=(Parameter("worker", str, "The id that the worker has given itself."),), is_stream=True,
    ),
    Route(
        method="POST", path=f"{_PATH}/answers", handler=take_answer, summary="Say what came of what a worker was to do",
        body=WorkerAnswer, answer=WorkerKnown,
    ),
    Route(
        method="POST", path=f"{_PATH}/beats", handler=take_beat,
        summary="Give a worker's sign of life; or say that it wants no more runs", body=WorkerBeat, answer=WorkerKnown,
    ),
)  # fmt: skip
