"""Lines of a run's log, as older clients of the v2 protocol send them (section 4.3)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.api.v2.shapes import message_answer, not_found
from perdure.api.v2.tasks import read_message
from perdure.engine.server_tasks import LOG
from perdure.errors import NotFoundError, RunNotActiveError
from perdure.protocol.messages.display import PartialDisplayProperty, Style
from perdure.protocol.messages.runs import LogBody
from perdure.protocol.messages.tasks import CreateTaskBody
from perdure.protocol.statuses import TaskStatus

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def add_line(call: Call) -> Response:
    """Add a line to the log of a run that executes; answers with the line."""
    line = await read_message(call, LogBody, keeps=("message",))
    remote = call.remote
    # What clients of today make of a line: a task without a body. This one has no key of its own.
    task = CreateTaskBody(
        idempotency_key=os.urandom(32).hex(),
        noop=True,
        name=LOG,
        icon=LOG,
        description=line.message,
        params=line.data,
        properties=[PartialDisplayProperty(label="Level", text=line.level)],
        style=Style(style="minimal", variant=line.level.lower()),
    )
    try:
        made = await remote.tasks.create(remote.environment_no, call.part("run_id"), task)
    except NotFoundError:
        raise not_found("Run not found") from None
    if made.status is TaskStatus.CANCELED:
        raise Refusal(409, RunNotActiveError.code, "The run has ended; nothing is added to its log.")
    return message_answer(line)


ROUTES = (
    Route(
        method="POST", path="/api/v1/runs/{run_id}/logs", handler=add_line,
        summary="Add a line to the log of a run that executes", body=LogBody, answer=LogBody, errors=(404, 409),
        has_v2_form=True,
    ),
)  # fmt: skip
