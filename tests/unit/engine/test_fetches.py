"""What an answer means for a fetch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.engine.fetches import judge_fetch
from perdure.engine.verdicts import ERROR_BODY_LIMIT, Verdict
from perdure.errors import (
    BlockedAddressError,
    FetchFailedError,
    FetchTimeoutError,
    ResponseTooLargeError,
    RunError,
)
from perdure.protocol.failures import failure_of
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.protocol.operations import FETCH, FETCH_RESPONSE, Fetch, read_operation
from perdure.protocol.outbound import OutboundResponse
from perdure.sdk.failures import rebuild
from perdure.storage.operations import OperationRow

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def row(*, attempts: int = 1, failures: int = 0, operation: str = FETCH) -> OperationRow:
    return OperationRow(1, 1, "run_1", "task_1", operation, "💬", "00" * 32, None, attempts, NOW, 1, failures, None, 1)


def answer(body: str | bytes = "", *, status: int = 200, headers: Any = ()) -> OutboundResponse:
    return OutboundResponse(status, tuple(headers), body if isinstance(body, bytes) else body.encode())


def judge(got: OutboundResponse | RunError, *, at: OperationRow | None = None, **params: Any) -> Verdict:
    task = row() if at is None else at
    work = read_operation(task.operation, JsonText(dump({"url": "https://api.example/", **params})), None)
    assert isinstance(work, Fetch)
    return judge_fetch(work, task, got, now=NOW, random=lambda: 0.0)


def seconds(verdict: Verdict) -> float | None:
    return None if verdict.again_at is None else (verdict.again_at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ('{"n": 1}', '{"n": 1}'),
        (b'\xef\xbb\xbf{"n": 1}', '{"n": 1}'),
        ("", "null"),
        ("<html>", "null"),
        (b"\xff\xfe", "null"),
        ('{"n": NaN}', "null"),
        ("12345678901234567890123", "12345678901234567890123"),
    ],
    ids=["JSON", "a byte order mark", "nothing", "HTML", "not UTF-8", "NaN", "a long number"],
)
def test_the_output_is_the_body_as_it_came_and_null_if_it_is_no_json(body: str | bytes, output: str) -> None:
    assert judge(answer(body)) == Verdict(JsonText(output))


def test_of_a_whole_response_secret_headers_are_masked() -> None:
    headers = [
        ("x-n", "1"),
        ("set-cookie", "a=hush"),
        ("set-cookie", "b=hush"),
        ("x-n", "2"),
        ("x-ratelimit-tokens", "7"),
    ]
    verdict = judge(answer('{"n": 1}', status=201, headers=headers), at=row(operation=FETCH_RESPONSE))
    assert load(str(verdict.output)) == {
        "status": 201,
        "headers": {"x-n": "1, 2", "set-cookie": "***", "x-ratelimit-tokens": "7"},
        "data": {"n": 1},
    }


@pytest.mark.parametrize(
    "body", ['{"a": 1, "a": 2}', "[" * 65 + "]" * 65, "1e999"], ids=["a key twice", "too deep", "too large a number"]
)
def test_json_that_cannot_be_kept_is_a_failure_and_not_null(body: str) -> None:
    error = judge(answer(body)).error
    assert isinstance(error, FetchFailedError)
    assert error.status == 200
    assert "background_fetch '💬' failed: the body of the answer cannot be kept" in error.message


def test_a_response_that_is_too_large_with_its_headers_is_a_failure() -> None:
    body = '"' + "x" * (OUTPUT_LIMIT - 20) + '"'
    assert judge(answer(body)).error is None
    error = judge(answer(body, headers=[("x-n", "y" * 100)]), at=row(operation=FETCH_RESPONSE)).error
    assert isinstance(error, ResponseTooLargeError)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"why": "busy"}', {"why": "busy"}),
        ("<html>", "<html>"),
        ("", None),
        (b"\xff\x00", "\ufffd\ufffd"),
        ('"' + "x" * ERROR_BODY_LIMIT + '"', None),
        ("[" * 62 + "]" * 62, None),
    ],
    ids=["JSON", "text", "nothing", "bytes", "too long", "too deep"],
)
def test_the_error_of_a_failure_comes_back_with_status_and_body(body: str | bytes, kept: Any) -> None:
    error = judge(answer(body, status=503)).error
    assert error is not None
    again = rebuild(failure_of(error))
    assert type(again) is FetchFailedError
    assert (again.status, again.body) == (503, kept)
    assert again.message.startswith("background_fetch '💬' failed: the answer has status 503.")


BACKOFF = {"strategy": "backoff", "limit": 3, "minTimeoutInMs": 2000, "randomize": False}


@pytest.mark.parametrize(("attempts", "delay"), [(1, 2.0), (2, 2.0), (3, None)])
def test_backoff_counts_all_attempts(attempts: int, delay: float | None) -> None:
    verdict = judge(answer(status=503), at=row(attempts=attempts), retry={"5xx": BACKOFF})
    assert seconds(verdict) == delay
    assert verdict.error is not None


def slow(seconds: int, **more: Any) -> dict[str, Any]:
    return {"strategy": "backoff", "minTimeoutInMs": seconds * 1000, "randomize": False, **more}


@pytest.mark.parametrize(
    ("retry", "status", "body", "delay"),
    [
        ({"429": slow(1), "all": slow(2)}, 429, "", 1),
        ({"all": slow(2), "429": slow(1)}, 429, "", 2),
        ({"429": slow(1, bodyFilter={"code": ["quota"]}), "4xx": slow(2)}, 429, '{"code": "quota"}', 1),
        ({"429": slow(1, bodyFilter={"code": ["quota"]}), "4xx": slow(2)}, 429, '{"code": "rate"}', 2),
        ({"429": slow(1, bodyFilter={}), "4xx": slow(2)}, 429, "no JSON", 2),
        ({"429": slow(1, bodyFilter={}), "429,429": slow(2)}, 429, "", 2),
        ({"500-599": slow(1)}, 429, "", None),
        ({"400-404": slow(1)}, 404, "", 1),
        ({"429,503": slow(1)}, 503, "", 1),
        ({"42x": slow(1)}, 429, "", 1),
        ({"all": slow(1)}, 304, "", 1),
    ],
    ids=[
        "the first", "the first again", "by its body", "by another body", "no JSON", "the same status again", "none",
        "a range", "a list", "leading digits", "no redirect followed",
    ],
)  # fmt: skip
def test_the_first_strategy_that_is_for_status_and_body_counts(
    retry: dict[str, Any], status: int, body: str, delay: float | None
) -> None:
    assert seconds(judge(answer(body, status=status), retry=retry)) == delay


def reset(format: str | None = None) -> dict[str, Any]:
    strategy = {"strategy": "headers", "limitHeader": "X-L", "remainingHeader": "X-Rem", "resetHeader": "X-Reset"}
    return {"429": strategy if format is None else strategy | {"resetFormat": format}}


@pytest.mark.parametrize(
    ("format", "value", "delay"),
    [
        (None, "1893456007", 7),
        ("unix_timestamp", "1893456007", 7),
        ("unix_timestamp_in_ms", "1893456007250", 7.25),
        ("iso_8601", "2030-01-01T00:00:07.5Z", 7.5),
        ("iso_8601_duration_openai_variant", "6m59s", 419),
        ("iso_8601_duration_openai_variant", "1d22h8m1s", 166_081),
        ("iso_8601_duration_openai_variant", "3h36m7.312s", 12_967.312),
        ("iso_8601_duration_openai_variant", "72ms", 0.072),
        ("unix_timestamp", "1893455000", 1),
        ("unix_timestamp", "soon", None),
        ("unix_timestamp", "1893456007250", None),
        ("iso_8601", "2031-01-01", None),
    ],
)
def test_a_reset_header_says_when_in_each_format(format: str | None, value: str, delay: float | None) -> None:
    verdict = judge(answer(status=429, headers=[("x-reset", value)]), retry=reset(format))
    assert seconds(verdict) == delay


def test_without_the_reset_header_or_after_a_hundred_attempts_nothing_is_tried_again() -> None:
    there = answer(status=429, headers=[("x-reset", "1893456007")])
    assert seconds(judge(answer(status=429), retry=reset())) is None
    assert seconds(judge(there, at=row(attempts=99), retry=reset())) == 7
    assert seconds(judge(there, at=row(attempts=100), retry=reset())) is None


@pytest.mark.parametrize(("failures", "delay"), [(0, 1.0), (1, 1.0), (2, None)])
def test_what_gets_no_answer_is_tried_three_times_in_a_row(failures: int, delay: float | None) -> None:
    error = FetchFailedError("There is no connection.")
    # `random` gives 0, so a delay is not stretched.
    verdict = judge(error, at=row(attempts=9, failures=failures))
    assert (seconds(verdict), verdict.failures) == (delay, failures + 1)


@pytest.mark.parametrize(
    "error", [BlockedAddressError(), ResponseTooLargeError("Too large."), FetchTimeoutError()], ids=lambda one: one.code
)
def test_what_would_only_happen_again_is_not_tried_again(error: RunError) -> None:
    verdict = judge(error, retry={"all": BACKOFF})
    assert verdict.again_at is None
    assert type(verdict.error) is type(error)


@pytest.mark.parametrize(("attempts", "delay"), [(1, 1.0), (2, None)])
def test_a_timeout_is_tried_again_as_timeout_retry_says(attempts: int, delay: float | None) -> None:
    timeout = {"durationInMs": 5000, "retry": {"limit": 2, "randomize": False}}
    assert seconds(judge(FetchTimeoutError(), at=row(attempts=attempts), timeout=timeout)) == delay


@pytest.mark.parametrize(("milliseconds", "timeout"), [(None, 120), (5000, 5), (1, 1), (10**9, 300), (2500.5, 2.5005)])
def test_a_timeout_outside_the_bounds_is_moved_to_them(milliseconds: float | None, timeout: float) -> None:
    params = {} if milliseconds is None else {"timeout": {"durationInMs": milliseconds}}
    work = read_operation(FETCH, JsonText(dump({"url": "https://api.example/", **params})), None)
    assert work.request.timeout == timeout


def test_later_attempts_are_later_by_the_clock_of_the_engine() -> None:
    verdict = judge(answer(status=503), retry={"all": slow(60, maxTimeoutInMs=90_000)})
    assert verdict.again_at == NOW + timedelta(seconds=60)
