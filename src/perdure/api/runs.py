"""Runs: look up, list, cancel, run once more, let go on, await."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perdure.api import streams
from perdure.api.answers import answer
from perdure.api.calls import page_of
from perdure.api.refusals import Refusal, unfit
from perdure.api.routes import CURSOR, Parameter, Route, take
from perdure.errors import NotConnectedError
from perdure.protocol.management import RunFilter
from perdure.protocol.runs import RunAnswer, RunPageAnswer
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

LONGEST_WAIT = 60
"""How many seconds a request for the end of a run is kept waiting at most."""


async def list_runs(call: Call) -> Response:
    """List a page of runs, newest first."""
    return answer(await call.desk.list_runs(filter_of(call), **page_of(call)))


async def get_run(call: Call) -> Response:
    """Look a run up, with a page of its tasks."""
    page = page_of(call)
    return answer(await call.desk.get_run(call.part("run_id"), subtasks=call.flag("subtasks"), **page))


async def cancel_run(call: Call) -> Response:
    """Cancel a run that has not ended."""
    return answer(await call.desk.cancel_run(call.part("run_id")))


async def rerun(call: Call) -> Response:
    """Start a run of the same job with the same event."""
    return answer(await call.desk.rerun(call.part("run_id")))


async def continue_run(call: Call) -> Response:
    """Let a run go on that has ended without success."""
    return answer(await call.desk.continue_run(call.part("run_id")))


async def await_end(call: Call) -> Response:
    """Answer when a run has ended, or with 408 when it has not for so long."""
    seconds = call.number("timeout", 30)
    if not 0 <= seconds <= LONGEST_WAIT:
        raise unfit("timeout", f"timeout={seconds}: a request waits 0 to {LONGEST_WAIT} seconds; ask again then.")
    run_id = call.part("run_id")
    ended = asyncio.ensure_future(call.desk.wait_for_run(run_id, timeout=seconds))
    stopped = asyncio.ensure_future(call.stopping.wait())
    try:
        while not (ended.done() or stopped.done()):
            await asyncio.wait([ended, stopped], timeout=streams.CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            # What happens after a key was taken back is none of its holder's business.
            call.check_again()
        if not ended.done():
            raise NotConnectedError("This node stops; ask again.")
        return answer(ended.result())
    except TimeoutError:
        sentence = f"Run {run_id!r} has not ended within {seconds} s; it goes on. Ask again."
        raise Refusal(408, "timeout", sentence) from None
    finally:
        ended.cancel()
        stopped.cancel()


def filter_of(call: Call) -> RunFilter:
    """Read which runs are meant.

    Raises:
        Refusal: There is no such status.
    """
    statuses: list[RunStatus] = []
    for name in call.texts("status"):
        if name not in RunStatus.__members__:
            raise unfit("status", f"There is no status {name[:40]!r}; it is one of {', '.join(RunStatus)}.")
        statuses.append(RunStatus(name))
    return RunFilter(call.text("job"), tuple(statuses))


FILTER = (
    Parameter("job", str, "Only runs of this job."),
    Parameter("status", RunStatus, "Only runs with this status, or one of several.", is_repeated=True),
)

ROUTES = (
    Route(
        method="GET", path="/api/runs", handler=list_runs, summary="List runs, newest first, without their tasks",
        answer=RunPageAnswer, query=(*FILTER, CURSOR, take("runs")),
    ),
    Route(
        method="GET", path="/api/runs/{run_id}", handler=get_run, summary="Look a run up, with a page of its tasks",
        answer=RunAnswer, errors=(404,),
        query=(Parameter("subtasks", bool, "Also tasks inside tasks."), CURSOR, take("tasks")),
    ),
    Route(
        method="POST", path="/api/runs/{run_id}/cancel", handler=cancel_run, summary="Cancel a run that has not ended",
        answer=RunAnswer, errors=(404,),
    ),
    Route(
        method="POST", path="/api/runs/{run_id}/rerun", handler=rerun,
        summary="Start a run of the same job and version with the same event", answer=RunAnswer, errors=(404, 409),
    ),
    Route(
        method="POST", path="/api/runs/{run_id}/continue", handler=continue_run,
        summary="Let a run go on that has ended without success", answer=RunAnswer, errors=(404, 409),
    ),
    Route(
        method="GET", path="/api/runs/{run_id}/end", handler=await_end,
        summary="Wait until a run has ended; 408 when it has not for so long", answer=RunAnswer, errors=(404, 408),
        query=(Parameter("timeout", int, f"How many seconds to wait, 0 to {LONGEST_WAIT}; 30 if it is not given."),),
    ),
)  # fmt: skip
