"""The result of an execution as an app of perdure's answers it: as it is, and not as one of the v2 protocol."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import replace

from perdure.protocol.execution import (
    Abandoned,
    AutoYielded,
    ExecutionResult,
    Failed,
    Succeeded,
    UnresolvedAuth,
)
from perdure.protocol.json_text import check_dumped
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.outcomes import RunJobRateLimited
from perdure.transport.given_outputs import excess_of
from perdure.transport.greetings import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.transport.wire_execution import WireExecution

_MOST_WARNINGS: Final = 100


def write_result(result: ExecutionResult, execution: WireExecution) -> bytes:
    """Write a result.

    Args:
        result: How the code ended.
        execution: What is known of the execution beside that: why it had to end, perhaps.
    """
    stop = execution.stop
    if isinstance(result, Abandoned) and stop is not None:
        at = datetime.fromtimestamp(stop.reset / 1000, UTC) if isinstance(stop, RunJobRateLimited) else None
        result = AutoYielded(result.reason, at)
    return encode_message(result)


def read_result(body: bytes) -> ExecutionResult:
    """Read what `write_result` wrote, or what somebody else did.

    Raises:
        JsonError: It is no JSON, or holds some that is not taken.
        MessageShapeError: It is no result.
    """
    result: ExecutionResult = decode_message(body, ExecutionResult)
    for text in _texts(result):
        if text is not None:
            check_dumped(text)
    if isinstance(result, Abandoned):
        # What else may stand there is for the server to say: an app would be asked again at once, for ever.
        return Abandoned(result.reason[:LONGEST], no_code=result.no_code, no_room=result.no_room)
    if isinstance(result, Succeeded):
        excess = excess_of(result.output, of="run")
        if excess is not None:
            result = Failed(excess, warnings=result.warnings)
    if isinstance(result, AutoYielded):
        at = result.at if result.at is None or result.at.tzinfo is not None else result.at.replace(tzinfo=UTC)
        result = replace(result, reason=result.reason[:LONGEST], at=at)
    # What is stored of single tasks has been stored by batches.
    ended: ExecutionResult = replace(
        cast("Any", result), warnings=result.warnings[:_MOST_WARNINGS], retries=(), completed=(), properties=()
    )
    return ended


def _texts(result: ExecutionResult) -> Iterable[str | None]:
    if isinstance(result, Succeeded):
        yield result.output
    elif isinstance(result, Failed):
        yield result.error.data
    elif isinstance(result, UnresolvedAuth):
        yield result.issues
