"""Jobs that let the engine make requests, over the bare protocol."""

from __future__ import annotations

from typing import Any

from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.json_text import dump
from perdure.protocol.operations import FETCH, POLL
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import Operation
from tests.engine.app import Execution, Script

URL = "https://api.example/things"


def fetches(*keys: str, secrets: str | None = None, operation: str = FETCH, **params: Any) -> Script:
    """A job that makes requests all at once and ends with what they came to."""

    async def script(execution: Execution) -> ExecutionResult:
        asked = keys or ("fetch",)
        waiting = [await ask(execution, key, operation, params, secrets) for key in asked]
        left = tuple(task_id for task_id in waiting if task_id is not None)
        return Suspended(left) if left else Succeeded(JsonText(dump([outcome(execution, key) for key in asked])))

    return script


def polls(**params: Any) -> Script:
    """A job that polls and ends with what that comes to."""
    return fetches("poll", operation=POLL, **params)


async def ask(
    execution: Execution, key: str, operation: str, params: dict[str, Any], secrets: str | None = None
) -> str | None:
    """Let the engine make a request: ``None`` if that is over, else the id of the task that waits."""
    if execution.is_over(key):
        return None
    if not execution.waits(key):
        wait = Operation(None if secrets is None else JsonText(secrets))
        record = execution.record(key, TaskStatus.WAITING, operation=operation, wait=wait)
        record.params = JsonText(dump({"url": URL, **params}))
        await execution.store(record)
    return execution.task_id(key)


def outcome(execution: Execution, key: str) -> str:
    """What a task came to: its output as text, or the name of its error with the message."""
    state = execution.state(key)
    assert state is not None
    return str(state.output) if state.error is None else f"{state.error.name}: {state.error.message}"
