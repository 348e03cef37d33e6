"""Which execution makes a call: apps of perdure's name it in headers.

What an execution asks that no longer has its run is not done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.api.refusals import Refusal
from perdure.protocol.messages.headers import EPOCH_HEADER, RUN_HEADER

if TYPE_CHECKING:
    from starlette.requests import Request

    from perdure.engine.task_batches import TaskBatches

_EPOCH_DIGITS: Final = 18


def read_epoch(request: Request) -> int | None:
    """Read the number of the execution that calls, if it says so.

    Raises:
        Refusal: It is no number.
    """
    text = request.headers.get(EPOCH_HEADER)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > _EPOCH_DIGITS:
        raise Refusal(400, "invalid_field", f"{EPOCH_HEADER} is a whole number.")
    return int(text)


async def check_caller(request: Request, batches: TaskBatches) -> None:
    """Let a call go on that names no run, or whose run is the execution's that it names.

    Raises:
        Refusal: It does not say which execution it is.
        StaleExecutionError: The run has ended, waits, or another execution has it.
    """
    run_id = request.headers.get(RUN_HEADER)
    if run_id is None:
        return
    epoch = read_epoch(request)
    if epoch is None:
        raise Refusal(400, "invalid_field", f"{RUN_HEADER} stands beside {EPOCH_HEADER}.")
    await batches.check_held(run_id, epoch)
