"""Workers: how they learn what to do, and say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.refusals import Refusal, unfit
from perdure.api.routes import Parameter, Route
from perdure.api.streams import EventStream
from perdure.protocol.api_json import decode
from perdure.protocol.worker_messages import WorkerAnswers, WorkerBeat, WorkerCall, WorkerKnown

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

ANSWER_LIMIT = 16 * 1024 * 1024
"""How many bytes the answers of a worker in one request may have."""


async def follow_calls(call: Call) -> Response:
    """Connect a worker: it is sent what it is to do, for as long as it reads."""
    endpoint_id, worker_id = call.part("endpoint_id"), call.text("worker")
    if worker_id is None:
        raise unfit("worker", "A worker names itself: worker=ID.")
    workers = call.remote.workers
    workers.check(endpoint_id, worker_id)

    def check() -> None:
        try:
            call.check_again()
        except Refusal:
            workers.dismiss(endpoint_id, worker_id)
            raise

    calls = workers.calls(endpoint_id, worker_id)
    return EventStream(calls, workers.stopping, on_end=lambda: None, check=check)


async def take_answers(call: Call) -> Response:
    """Take what came of actions."""
    text = await call.json_text(limit=ANSWER_LIMIT, depth=1)
    said = decode(text.encode(), WorkerAnswers, is_strict=True)
    endpoint_id = call.part("endpoint_id")
    # Each of them is to be looked at.
    known = [call.remote.workers.answer(endpoint_id, one) for one in said.answers]
    return answer(WorkerKnown(all(known)))


async def take_beat(call: Call) -> Response:
    """Take a sign of life."""
    beat = await call.body(WorkerBeat)
    known = call.remote.workers.beat(call.part("endpoint_id"), beat)
    return answer(WorkerKnown(known))


_PATH = "/api/workers/{endpoint_id}"

ROUTES = (
    Route(
        method="GET", path=f"{_PATH}/calls", handler=follow_calls,
        summary="Connect a worker: what it is to do, as it comes", answer=WorkerCall,
        query=(Parameter("worker", str, "The id that the worker has given itself."),), is_stream=True,
    ),
    Route(
        method="POST", path=f"{_PATH}/answers", handler=take_answers,
        summary="Say what came of what a worker was to do", body=WorkerAnswers, answer=WorkerKnown,
    ),
    Route(
        method="POST", path=f"{_PATH}/beats", handler=take_beat,
        summary="Give a worker's sign of life; or say that it wants no more runs", body=WorkerBeat, answer=WorkerKnown,
        # A worker whose signs are not taken counts as dead, and its runs are executed twice.
        is_unlimited=True,
    ),
)  # fmt: skip
