"""Polls: what an answer, or none, means for the task, and what is kept of each attempt (v2 protocol, section 7.3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from perdure.engine.verdicts import (
    Body,
    Verdict,
    about,
    answer_output,
    is_kept,
    plain_headers,
    read_body,
    shown_headers,
)
from perdure.errors import FetchFailedError, FetchTimeoutError, PollTimeoutError, RunError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump
from perdure.protocol.keys import idempotency_key
from perdure.protocol.operation_bounds import POLL_ATTEMPT
from perdure.protocol.request_filter import NOT_JSON
from perdure.protocol.retries import retry_delay
from perdure.storage.operations import OperationRow, PollAttempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.operations import Poll
    from perdure.protocol.outbound import OutboundResponse

KEPT_ATTEMPTS: Final = 400
"""How many attempts of a poll are kept: the last ones. v2 lets a poll make 361: every 10 seconds, for an hour."""

KEPT_BODY: Final = 16 * 1024
"""Characters of JSON up to which the body of an attempt's answer is kept."""

_NAME = "poll attempt"


def deadline_of(poll: Poll, row: OperationRow) -> datetime:
    """When a poll gives up."""
    return row.started_at + timedelta(seconds=poll.timeout)


def time_out(poll: Poll, row: OperationRow) -> Verdict:
    """Say that a poll gives up."""
    made = row.attempts - 1
    message = f"no answer matched within {poll.timeout:g} seconds, in {made} attempt{'' if made == 1 else 's'}."
    return Verdict(error=about(row, PollTimeoutError(message)))


def judge_poll(
    poll: Poll,
    row: OperationRow,
    got: OutboundResponse | RunError,
    *,
    attempt_id: str,
    began_at: datetime,
    now: datetime,
    random: Callable[[], float],
) -> Verdict:
    """Say what comes of an attempt.

    Args:
        poll: What was asked for.
        row: The task.
        got: The answer, or why there is none.
        attempt_id: The id of the task that shows the attempt.
        began_at: When the attempt began.
        now: The engine clock's time.
        random: Gives a number in [0, 1).
    """
    if isinstance(got, RunError):
        attempt = _keep(poll, row, attempt_id, began_at, None, {"error": got.message})
        return _judge_silence(poll, row, got, attempt, now, random)
    body = read_body(got.body)
    shown = {"status": got.status, "headers": shown_headers(got), "body": _shown_body(got, body)}
    attempt = _keep(poll, row, attempt_id, began_at, got.status, shown)
    if not _matches(poll, got, body):
        return Verdict(again_at=_next(poll, row, now), attempt=attempt)
    try:
        return Verdict(answer_output(got, body, whole=False), attempt=attempt)
    except FetchFailedError as error:
        return Verdict(error=about(row, error), attempt=attempt)


def attempt_key(row: OperationRow, number: int) -> str:
    """Derive the idempotency key of the task that shows an attempt."""
    return idempotency_key(row.run_id, row.task_id, [_NAME, number])


def _judge_silence(
    poll: Poll, row: OperationRow, error: RunError, attempt: PollAttempt, now: datetime, random: Callable[[], float]
) -> Verdict:
    failures = row.failures + 1
    if isinstance(error, FetchTimeoutError):
        delay = None if poll.timeout_retry is None else retry_delay(poll.timeout_retry, failures, random)
        if delay is None:
            return Verdict(error=about(row, error), attempt=attempt)
        return Verdict(again_at=min(now + delay, deadline_of(poll, row)), failures=failures, attempt=attempt)
    if isinstance(error, FetchFailedError) and error.retryable:
        # What is polled may be about to start; the poll's own timeout bounds this.
        return Verdict(again_at=_next(poll, row, now), attempt=attempt)
    return Verdict(error=about(row, error), attempt=attempt)


def _next(poll: Poll, row: OperationRow, now: datetime) -> datetime:
    return min(now + timedelta(seconds=poll.interval), deadline_of(poll, row))


def _matches(poll: Poll, response: OutboundResponse, body: Body) -> bool:
    if poll.filter is None:
        return 200 <= response.status < 300
    return poll.filter.matches(status=response.status, headers=plain_headers(response), body=body.value)


def _shown_body(response: OutboundResponse, body: Body) -> Any:
    if body.value is NOT_JSON:
        return None
    return body.value if is_kept(body.value, limit=KEPT_BODY) else f"{len(response.body):,} bytes, not kept"


def _keep(
    poll: Poll, row: OperationRow, attempt_id: str, began_at: datetime, status: int | None, shown: dict[str, Any]
) -> PollAttempt:
    what = "no answer" if status is None else str(status)
    details = {
        "icon": "activity",
        "description": f"{poll.request.method} {poll.url} {what}",
        "style": {"style": "minimal", "variant": "info"},
    }
    return PollAttempt(
        attempt_id,
        attempt_key(row, row.attempts),
        POLL_ATTEMPT,
        _NAME,
        began_at,
        JsonText(dump(shown, root="params")),
        JsonText(dump(details, root="details")),
    )
