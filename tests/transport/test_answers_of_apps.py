"""What the answers of an app behind a URL mean (v2 protocol, section 6.7)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.protocol.execution import (
    Abandoned,
    AutoYielded,
    ExecutionResult,
    Failed,
    InvalidPayload,
    JsonText,
    Succeeded,
    Suspended,
    UnresolvedAuth,
    Yielded,
)
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.headers import RESULT_HEADER
from tests.transport.asking import TASK, execute

TASK_2 = {**TASK, "id": "task_2"}


AT_START = {"location": "start_task", "timeRemaining": 1.5, "timeElapsed": 2}


ISSUES = {"gh": {"id": "github", "error": "none"}}


@pytest.mark.parametrize(
    ("status", "members", "expected"),
    [
        ("SUCCESS", {}, Succeeded(None)),
        ("RESUME_WITH_TASK", {"task": TASK}, Suspended(("task_1",))),
        ("YIELD_EXECUTION", {"key": "y"}, Yielded("y")),
        ("AUTO_YIELD_EXECUTION", AT_START, AutoYielded("ran out of its time at start_task")),
        ("INVALID_PAYLOAD", {"errors": [{"path": ["a"], "message": "no"}]}, InvalidPayload(((("a",), "no"),))),
        ("UNRESOLVED_AUTH_ERROR", {"issues": ISSUES}, UnresolvedAuth(JsonText(json.dumps(ISSUES).replace(" ", "")))),
    ],
)
async def test_each_answer_means_a_result(status: str, members: Any, expected: ExecutionResult) -> None:
    assert await execute({"status": status, **members}) == expected


async def test_an_error_names_the_task_that_it_is_of() -> None:
    result = await execute({"status": "ERROR", "error": {"name": "TypeError", "message": "boom"}, "task": TASK})
    assert isinstance(result, Failed)
    assert (result.error.name, result.error.message, result.task_id) == ("TypeError", "boom", "task_1")


async def test_a_retry_waits_for_its_time() -> None:
    at = "2026-01-02T03:05:00.000Z"
    result = await execute({"status": "RETRY_WITH_TASK", "task": TASK, "error": {"message": "no"}, "retryAt": at})
    assert isinstance(result, Suspended)
    (retry,) = result.retries
    assert (result.task_ids, retry.task_id, retry.error.message) == (("task_1",), "task_1", "no")
    assert retry.at == datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


async def test_a_task_is_completed_with_a_yield() -> None:
    data = {"location": "before_complete_task", "timeRemaining": 1, "timeElapsed": 2}
    result = await execute(
        {"status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "id": "task_1", "output": '{"a":1}', "data": data}
    )
    assert isinstance(result, AutoYielded)
    assert [(done.task_id, done.output) for done in result.completed] == [("task_1", '{"a":1}')]


async def test_an_endpoint_that_was_refused_for_asking_too_often_is_left_alone_until_then() -> None:
    result = await execute({"status": "AUTO_YIELD_RATE_LIMIT", "reset": 1767323045000})
    assert isinstance(result, AutoYielded)
    assert result.at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_branches_of_a_parallel_block_wait_together() -> None:
    children = [
        {"status": "RESUME_WITH_TASK", "task": TASK},
        {
            "status": "RETRY_WITH_TASK",
            "task": TASK_2,
            "error": {"message": "no"},
            "retryAt": "2026-01-02T03:05:00.000Z",
        },
    ]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Suspended)
    assert (result.task_ids, len(result.retries)) == (("task_1", "task_2"), 1)


async def test_a_batch_of_runs_is_waited_for_as_a_whole() -> None:
    batch = {**TASK, "id": "task_9", "name": "Batch Invoke 'child'"}
    children = [{"status": "RESUME_WITH_TASK", "task": one} for one in (TASK, TASK_2)]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": batch, "childErrors": children})
    assert result == Suspended(("task_1", "task_2"), "task_9")


async def test_a_parallel_block_inside_another_waits_too() -> None:
    inner = json.dumps({"task": TASK, "childErrors": [{"task": {**TASK, "id": "task_3"}}]})
    children = [{"status": "ERROR", "error": {"name": "Unknown error", "message": inner}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert result == Suspended(("task_3",))


@pytest.mark.parametrize(
    "signal",
    [
        {"task": TASK, "retryAt": "soon"},
        {"task": TASK, "retryAt": "2026-13-02"},
        {"task": {"id": 1}},
        {"childErrors": 5},
        [],
    ],
)
async def test_what_only_looks_like_a_parallel_block_is_the_error_that_it_is(signal: Any) -> None:
    said = json.dumps({"task": TASK, "childErrors": [signal]})
    children = [{"status": "ERROR", "error": {"name": "Unknown error", "message": said}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Failed)
    assert (result.error.name, result.error.message) == ("Unknown error", said)


async def test_a_task_inside_a_parallel_block_inside_another_is_tried_again() -> None:
    retry = {"task": TASK, "retryAt": "2026-01-02T03:05:00.000Z", "cause": {"message": "no", "name": "E"}}
    said = json.dumps(
        {"task": TASK_2, "childErrors": [retry, {"task": TASK_2, "retryAt": retry["retryAt"], "cause": "x"}]}
    )
    children = [{"status": "ERROR", "error": {"name": "Unknown error", "message": said}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Suspended)
    assert [(one.task_id, one.error.message) for one in result.retries] == [("task_1", "no"), ("task_2", '"x"')]


async def test_one_failed_branch_fails_the_run() -> None:
    children = [{"status": "RESUME_WITH_TASK", "task": TASK}, {"status": "ERROR", "error": {"message": "boom"}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Failed)


@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize(("excess", "character"), [(0, "x"), (1, "x"), (1, "€")])
async def test_an_output_that_is_larger_than_what_is_stored_fails_the_run(
    is_native: bool, excess: int, character: str
) -> None:
    rest = (OUTPUT_LIMIT - 2) % len(character.encode())
    text = character * ((OUTPUT_LIMIT - 2) // len(character.encode())) + "x" * (rest + excess)
    output = JsonText(f'"{text}"')
    v2 = f'{{"status":"SUCCESS","output":{output}}}'.encode()
    body, headers = (encode_message(Succeeded(output)), {RESULT_HEADER: "1"}) if is_native else (v2, {})
    result = await execute(body, headers=headers)
    if not excess:
        assert result == Succeeded(output)
        return
    assert isinstance(result, Failed)
    assert result.error.name == "ValueTooLargeError"
    assert f"The output of the run is {OUTPUT_LIMIT + 1:,} bytes of JSON" in result.error.message


async def test_an_output_of_a_task_that_is_larger_than_what_is_stored_fails_the_task_and_the_run() -> None:
    data = {"location": "before_complete_task", "timeRemaining": 1, "timeElapsed": 2}
    output = f'"{"x" * OUTPUT_LIMIT}"'
    result = await execute(
        {"status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "id": "task_1", "output": output, "data": data}
    )
    assert isinstance(result, Failed)
    assert (result.error.name, result.task_id, result.completed) == ("ValueTooLargeError", "task_1", ())
    assert "The output of the task" in result.error.message


@pytest.mark.parametrize(("mebibytes", "is_read"), [(7, True), (9, False)])
async def test_an_answer_is_as_large_as_the_results_that_it_may_hold(mebibytes: int, is_read: bool) -> None:
    result = await execute(b'{"status":"SUCCESS","output":1' + b" " * (mebibytes * 1024 * 1024) + b"}")
    assert (result == Succeeded(JsonText("1"))) is is_read


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Abandoned("stops", immediate=True), Abandoned("stops")),
        (Abandoned("dies", lost=True, limit=-1, is_absent=True), Abandoned("dies")),
        (Abandoned("no such job", no_code=True), Abandoned("no such job", no_code=True)),
        (Abandoned("no thread", no_room=True), Abandoned("no thread", no_room=True)),
        (Abandoned("x" * 100_000), Abandoned("x" * 1000)),
        (AutoYielded("x" * 100_000), AutoYielded("x" * 1000)),
    ],
)
async def test_an_app_that_gives_a_run_back_does_not_say_how_soon_or_how_often_it_is_asked_again(
    given: ExecutionResult, kept: ExecutionResult
) -> None:
    assert await execute(encode_message(given), headers={RESULT_HEADER: "1"}) == kept
