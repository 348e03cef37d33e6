"""Background fetches: what an answer, or none, means for the task (v2 protocol, sections 7.1 and 7.2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from perdure.engine.verdicts import Verdict, about, answer_output, plain_headers, read_body, status_error
from perdure.errors import FetchFailedError, FetchTimeoutError, RunError
from perdure.protocol.request_filter import NOT_JSON
from perdure.protocol.retries import RetryOptions, retry_delay
from perdure.protocol.retry_strategies import choose_strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.operations import Fetch
    from perdure.protocol.outbound import OutboundResponse
    from perdure.storage.operations import OperationRow

NO_ANSWER_RETRY: Final = RetryOptions(limit=3)
"""How often, in a row, a request is sent that gets no answer at all."""


def judge_fetch(
    fetch: Fetch,
    row: OperationRow,
    got: OutboundResponse | RunError,
    *,
    now: datetime,
    random: Callable[[], float],
) -> Verdict:
    """Say what comes of an attempt.

    Args:
        fetch: What was asked for.
        row: The task.
        got: The answer, or why there is none.
        now: The engine clock's time.
        random: Gives a number in [0, 1).
    """
    if isinstance(got, RunError):
        return _judge_silence(fetch, row, got, now, random)
    body = read_body(got.body)
    if 200 <= got.status < 300:
        try:
            return Verdict(answer_output(got, body, whole=fetch.whole))
        except FetchFailedError as error:
            return Verdict(error=about(row, error))
    failure = about(row, status_error(got, body))
    strategy = choose_strategy(fetch.strategies, got.status, body.value)
    if strategy is None:
        return Verdict(error=failure, has_text_body=body.value is NOT_JSON)
    again_at = strategy.next_attempt(row.attempts, plain_headers(got), now=now, random=random)
    return Verdict(error=failure, again_at=again_at, has_text_body=body.value is NOT_JSON)


def _judge_silence(
    fetch: Fetch, row: OperationRow, error: RunError, now: datetime, random: Callable[[], float]
) -> Verdict:
    failures = row.failures + 1
    if isinstance(error, FetchTimeoutError):
        options, attempts = fetch.timeout_retry, row.attempts
    elif isinstance(error, FetchFailedError) and error.retryable:
        options, attempts = NO_ANSWER_RETRY, failures
    else:
        options, attempts = None, row.attempts
    delay = None if options is None else retry_delay(options, attempts, random)
    return Verdict(error=about(row, error), again_at=None if delay is None else now + delay, failures=failures)
