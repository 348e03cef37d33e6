"""Whatever an app answers to an execution or to the question what it declares is a result, or a typed error."""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any, Final

import pytest

from perdure.engine.fitting import fit
from perdure.engine.job_checks import check_job
from perdure.errors import PerdureError
from perdure.protocol.execution import ExecutionResult
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.headers import RESULT_HEADER
from perdure.protocol.messages.indexing import IndexAnswer
from perdure.protocol.outbound import OutboundResponse
from perdure.transport.endpoint_index import index_of, issues_of_jobs
from perdure.transport.execution_verdict import read_outcome
from tests.api.remote_app import job
from tests.transport.asking import TASK

MANY = 4000 if os.environ.get("PERDURE_PROVE") else 2000
ERROR = {"name": "N", "message": "m", "stack": "s", "data": {"a": 1}}
RETRY = {"status": "RETRY_WITH_TASK", "task": TASK, "error": ERROR, "retryAt": "2026-01-02T03:05:00.000Z"}
NESTED = json.dumps({"task": TASK, "childErrors": [{"task": TASK, "retryAt": RETRY["retryAt"], "cause": ERROR}]})
LEFT = {"location": "l", "timeRemaining": 1, "timeElapsed": 2.5}
OF_V2: Final[list[dict[str, Any]]] = [
    {"status": "SUCCESS", "output": {"a": [1]}, "warnings": ["w"]},
    {"status": "ERROR", "error": ERROR, "task": TASK},
    RETRY,
    {"status": "RESUME_WITH_PARALLEL_TASK", "task": {**TASK, "name": "Batch Invoke x"}, "childErrors": [
        RETRY, {"status": "ERROR", "error": {"name": "Unknown error", "message": NESTED}},
    ]},
    {"status": "INVALID_PAYLOAD", "errors": [{"path": ["a"], "message": "m"}]},
    {"status": "UNRESOLVED_AUTH_ERROR", "issues": {"a": {"id": "b", "error": "c"}}},
    {"status": "YIELD_EXECUTION", "key": "k"},
    {"status": "AUTO_YIELD_EXECUTION", **LEFT},
    {"status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "id": "t", "output": "{}", "data": LEFT},
    {"status": "AUTO_YIELD_RATE_LIMIT", "reset": 1767323045000},
    {"status": "CANCELED", "task": TASK},
]  # fmt: skip
NATIVE: Final[list[dict[str, Any]]] = [
    {"type": "Succeeded", "output": "{}"},
    {"type": "Failed", "error": {**ERROR, "data": "{}"}, "task_id": "t"},
    {"type": "InvalidPayload", "issues": [[["a", 1], "m"]]},
    {"type": "Suspended", "task_ids": ["a"], "block": "b"},
    {"type": "Yielded", "key": "k"},
    {"type": "AutoYielded", "reason": "r", "at": "2026-01-01T00:00:00Z", "is_cut": True},
    {"type": "UnresolvedAuth", "issues": "{}"},
    {"type": "Abandoned", "reason": "r", "limit": 3, "immediate": True},
]
HOSTED = {"id": "i", "metadata": {"id": "i", "name": "N"}, "authSource": "HOSTED"}
EVENT = {"name": ["a"], "title": "T", "source": "s", "icon": "i", "examples": [{"id": "x", "name": "n", "payload": {}}]}
RULE = {"event": ["e"], "source": "s", "payload": {"a": [{"$gt": 1}]}, "context": {"b": [1]}}
CRON = {"type": "cron", "options": {"cron": "* * * * *", "timezone": "Europe/Berlin"}}
INDEX: Final[dict[str, Any]] = {
    "jobs": [
        job("a", concurrencyLimit={"id": "x", "limit": 3}, integrations={"k": HOSTED}, event=EVENT),
        job("b", trigger={"type": "static", "title": "t", "rule": RULE}),
        job("c", trigger={"type": "scheduled", "schedule": CRON}),
        job("d", trigger={"type": "scheduled", "schedule": {"type": "interval", "options": {"seconds": 60}}}),
        job("e", trigger={"type": "dynamic", "id": "d"}),
    ],
    "sources": [
        {
            "version": "2",
            "channel": "HTTP",
            "integration": HOSTED,
            "key": "k",
            "params": {},
            "options": {"event": ["x"]},
        }
    ],
    "webhooks": [
        {"key": "w", "params": {}, "config": {"a": ["b"]}, "integration": HOSTED, "httpEndpoint": {"id": "w"}}
    ],
    "httpEndpoints": [{"id": "x", "version": "1", "enabled": True, "event": EVENT, "source": "s"}],
    "dynamicTriggers": [{"id": "t", "jobs": [{"id": "e", "version": "1.0.0"}]}],
    "dynamicSchedules": [{"id": "d", "jobs": []}],
}
ODD: Final[list[Any]] = [
    None, True, -1, 10**30, 1e308, 1.5, "", "\0", "\ud800", "9999-12-31T23:59:59.999999-14:00", "24:00", "x" * 3000,
    "0001-01-01T00:00:00+14:00", [], {}, [[]], {"": None}, "{", "[1", "1e400", "NaN", "@reboot", [1, "x"],
    [{"$gt": "x"}], [{"$between": [2, 1]}],
]  # fmt: skip


class Mutating:
    """Makes something else of what an app may answer."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def body(self, value: Any, share: float) -> bytes:
        text = json.dumps(self._value(value, share)).encode()
        place, kind = self.random.randrange(len(text)), self.random.random()
        if kind < 0.05:
            return text[:place]
        return text[:place] + self.random.randbytes(1) + text[place + 1 :] if kind < 0.1 else text

    def _value(self, value: Any, share: float) -> Any:
        if self.random.random() < share:
            return self.random.choice(ODD)
        if isinstance(value, dict):
            return {key: self._value(one, share) for key, one in value.items() if self.random.random() > share / 4}
        return [self._value(one, share) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("headers", [(), ((RESULT_HEADER, "1"),)], ids=["v2", "native"])
def test_whatever_is_answered_to_an_execution_is_a_result(headers: tuple[tuple[str, str], ...]) -> None:
    mutating = Mutating(7)
    for _ in range(MANY):
        body = mutating.body(mutating.random.choice(NATIVE if headers else OF_V2), 0.12)
        assert isinstance(read_outcome(OutboundResponse(200, headers, body)), ExecutionResult), body


def said_of(body: bytes) -> str:
    """Register what an index declares, as far as nothing is stored; why it is refused."""
    try:
        for spec in fit(index_of("app", decode_message(body, IndexAnswer))).jobs:
            check_job(spec)
    except MessageShapeError as error:
        return issues_of_jobs(error, body) or error.message
    except PerdureError as error:
        return error.message
    return ""


def test_whatever_is_declared_is_registered_or_refused_with_a_sentence() -> None:
    mutating = Mutating(7)
    assert said_of(json.dumps(INDEX).encode()) == ""
    refused = [said_of(mutating.body(INDEX, mutating.random.choice((0.005, 0.02)))) != "" for _ in range(MANY // 4)]
    assert 0.2 < sum(refused) / len(refused) < 0.93
