from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET

from perdure.protocol.messages import outcomes
from perdure.protocol.messages.codec import MessageShapeError, encode_message
from perdure.protocol.messages.outcomes import (
    RunJobError,
    RunJobResumeWithParallelTask,
    RunJobSuccess,
    decode_run_job_response,
)
from perdure.protocol.statuses import ExecutionStatus

TASK = {"id": "t", "name": "T", "noop": False, "status": "WAITING", "attempts": 1, "idempotencyKey": "k"}
ERROR = {"message": "boom"}
TIMES = {"location": "start_task", "timeRemaining": 1.5, "timeElapsed": 2}

MEMBERS: dict[str, dict[str, Any]] = {
    "SUCCESS": {"output": None},
    "ERROR": {"error": ERROR | {"name": "Error", "stack": "s"}, "task": TASK},
    "INVALID_PAYLOAD": {"errors": [{"path": ["a", "0"], "message": "m"}]},
    "UNRESOLVED_AUTH_ERROR": {"issues": {"slack": {"id": "slack", "error": "e"}}},
    "RESUME_WITH_TASK": {"task": TASK},
    "RETRY_WITH_TASK": {"task": TASK, "error": ERROR, "retryAt": "2024-01-01T00:00:00.250Z"},
    "CANCELED": {"task": TASK},
    "YIELD_EXECUTION": {"key": "y"},
    "AUTO_YIELD_EXECUTION": TIMES,
    "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK": {
        "id": "t",
        "properties": [{"label": "l", "text": "t"}],
        "output": "{}",
        "data": TIMES | {"limit": 400},
    },
    "AUTO_YIELD_RATE_LIMIT": {"reset": 1700000000123},
}
BRANCHES = [{"status": status} | members for status, members in MEMBERS.items() if status != "SUCCESS"]
OUTCOMES = [
    *({"status": status} | members for status, members in MEMBERS.items()),
    {"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": BRANCHES},
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome["status"])
def test_every_outcome_is_written_as_it_was_read(outcome: dict[str, Any]) -> None:
    answer = decode_run_job_response(json.dumps(outcome).encode())
    assert json.loads(encode_message(answer)) == outcome
    assert answer.warnings is UNSET


def test_the_outcomes_are_those_that_the_statuses_of_executions_know() -> None:
    ours = {ExecutionStatus.EXECUTING, ExecutionStatus.LOST, ExecutionStatus.UNREACHABLE}
    assert {outcome["status"] for outcome in OUTCOMES} == {status.value for status in set(ExecutionStatus) - ours}


@pytest.mark.parametrize("status", ["SUCCESS", "RESUME_WITH_PARALLEL_TASK"])
def test_a_branch_neither_succeeds_nor_holds_branches_of_its_own(status: str) -> None:
    branch = next(outcome for outcome in OUTCOMES if outcome["status"] == status)
    block = {"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": [branch]}
    with pytest.raises(MessageShapeError) as caught:
        decode_run_job_response(json.dumps(block).encode())
    assert caught.value.issues[0].path == ("childErrors", 0, "status")


def test_a_branch_is_read_as_the_outcome_it_is() -> None:
    block = {"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": BRANCHES}
    answer = decode_run_job_response(json.dumps(block).encode())
    assert isinstance(answer, RunJobResumeWithParallelTask)
    assert isinstance(answer.child_errors[0], RunJobError)
    assert answer.child_errors[0].error.message == "boom"


def test_a_run_that_returned_undefined_differs_from_one_that_returned_null() -> None:
    undefined = decode_run_job_response(b'{"status":"SUCCESS"}')
    null = decode_run_job_response(b'{"status":"SUCCESS","output":null}')
    assert isinstance(undefined, RunJobSuccess)
    assert isinstance(null, RunJobSuccess)
    assert undefined.output is UNSET
    assert encode_message(undefined) == b'{"status":"SUCCESS"}'
    assert encode_message(null) == b'{"status":"SUCCESS","output":null}'


@pytest.mark.parametrize("body", ['{"status":"DONE"}', "{}", '{"message":"Job not found"}', "[]"])
def test_anything_else_is_no_outcome(body: str) -> None:
    with pytest.raises(MessageShapeError):
        decode_run_job_response(body.encode())


def test_every_outcome_may_carry_warnings() -> None:
    for outcome in OUTCOMES:
        warned = outcome | {"warnings": ["w"]}
        answer = decode_run_job_response(json.dumps(warned).encode())
        assert answer.warnings == ["w"]
        assert json.loads(encode_message(answer)) == warned


def test_the_union_holds_every_outcome_of_the_module() -> None:
    defined = {
        value
        for value in vars(outcomes).values()
        if isinstance(value, type) and issubclass(value, outcomes.RunJobOutcome) and value is not outcomes.RunJobOutcome
    }
    assert set(outcomes.RunJobResponse.__args__) == defined
