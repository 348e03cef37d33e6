"""Changes of runs, as streams of server-sent events."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from perdure.api.routes import Route
from perdure.api.runs import FILTER, filter_of
from perdure.protocol.runs import RunAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.protocol.management import RunFilter


async def follow_run(call: Call) -> Response:
    """Follow a run until it has ended."""
    # An unknown run is to be refused, and not to be an error in the stream.
    run_id = call.part("run_id")
    await call.desk.get_run_statuses(run_id)
    return call.streams.open(_until_end(call, run_id), stopping=call.stopping, check=call.check_again)


async def follow_runs(call: Call) -> Response:
    """Follow the runs that change from now on."""
    return call.streams.open(_changes(call, filter_of(call)), stopping=call.stopping, check=call.check_again)


async def _until_end(call: Call, run_id: str) -> AsyncGenerator[tuple[str, Any], None]:
    """Give the changes of a run, each as ``change`` and the last one as ``end``."""
    answers = cast("AsyncGenerator[RunAnswer, None]", call.desk.follow_run(run_id))
    async with aclosing(answers):
        last: RunAnswer | None = None
        async for answer in answers:
            if last is not None:
                yield "change", last
            last = answer if answer.status.is_final else None
            if last is None:
                yield "change", answer
        yield "end", last


async def _changes(call: Call, wanted: RunFilter) -> AsyncGenerator[tuple[str, Any], None]:
    answers = cast("AsyncGenerator[RunAnswer, None]", call.desk.follow_runs(wanted))
    async with aclosing(answers):
        async for answer in answers:
            yield "change", answer


ROUTES = (
    Route(
        method="GET", path="/api/runs/changes", handler=follow_runs,
        summary="Follow the runs that change from now on, each without its tasks", answer=RunAnswer, query=FILTER,
        errors=(503,), is_stream=True,
    ),
    Route(
        method="GET", path="/api/runs/{run_id}/changes", handler=follow_run,
        summary="Follow a run until it has ended: as it is, then what is new of it at each change", answer=RunAnswer,
        errors=(404, 503), is_stream=True,
    ),
)  # fmt: skip
