"""What a server of the v2 protocol refuses to store ends the run, with an error that says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import IO
from perdure.errors import WriteRefusedError
from perdure.transport import wire_link
from tests.adapters.executing import execute_at
from tests.transport.server import Received, response, serving

TASK = {
    "id": "task_1", "name": "a", "noop": False, "status": "RUNNING", "attempts": 1, "idempotencyKey": "k" * 64,
    "startedAt": "2024-01-01T00:00:01.000Z", "params": None, "icon": None, "delayUntil": None, "description": None,
    "parentId": None, "operation": None, "callbackUrl": None, "error": None, "output": None,
}  # fmt: skip
VERSION = {"trigger-version": "2023-09-29"}
Answers = list[tuple[str, Any]]


async def execute(answers: Answers, job: Callable[[Any, IO], Awaitable[Any]]) -> tuple[int, Any, list[str]]:
    """Have an app execute a run whose server answers so, the last again and again; status, answer, what was asked."""

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        writer.write(response(text, status=status, headers=VERSION))

    async with serving(answer) as server:
        status, said = await execute_at(server.origin, job)
        return status, said, [one.target.rpartition("/")[2] for one in server.requests]


async def steps(_payload: Any, io: IO) -> list[int]:
    return [await io.run_task("a", lambda: 1, name="a"), await io.run_task("b", lambda: 2, name="a")]


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_link, "_FIRST_MS", 0)
    monkeypatch.setattr(wire_link, "_JITTER_MS", 0)


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "409 Conflict", "422 No", "451 No"])
@pytest.mark.parametrize("calls", [1, 2])
async def test_a_refused_write_fails_the_run_at_once_and_says_what_the_server_said(status: str, calls: int) -> None:
    answers: Answers = [("200 OK", {"task": TASK}), (status, {"error": "Not that one."})]

    answered, result, asked = await execute(answers[2 - calls :], steps)

    assert (answered, result["status"], result["error"]["name"]) == (200, "ERROR", "WriteRefusedError"), result
    assert result["error"]["message"] == "The server does not store task 'a'. Not that one."
    assert asked == ["tasks", "complete"][:calls]


async def test_what_a_proxy_before_the_server_does_not_take_says_what_to_do() -> None:
    answers: Answers = [("200 OK", {"task": TASK}), ("413 Large", b"<html>413 Request Entity Too Large</html>")]
    status, answer, _ = await execute(answers, steps)
    assert (status, answer["status"]) == (200, "ERROR")
    assert "client_max_body_size 16m" in answer["error"]["message"]


async def test_what_is_wrong_with_a_value_is_told_as_in_a_process_of_its_own() -> None:
    answers: Answers = [("200 OK", {"task": TASK}), ("413 Large", {"error": "Output must be less than 3MB"})]

    _, result, _ = await execute(answers, steps)

    assert (result["status"], result["error"]["name"]) == ("ERROR", "ValueTooLargeError")


async def test_job_code_may_go_on_after_a_refused_write() -> None:
    async def careful(_payload: Any, io: IO) -> str:
        try:
            await io.run_task("a", lambda: 1)
        except WriteRefusedError as error:
            return error.code
        return ""

    answers: Answers = [("422 No", {"error": "No."})]

    assert (await execute(answers, careful))[:2] == (200, {"status": "SUCCESS", "output": "write_refused"})


@pytest.mark.parametrize("body", [b"<html>", b'{"task": {}}'])
async def test_an_answer_that_cannot_be_read_is_asked_for_some_times_and_fails_the_run(body: bytes) -> None:
    _, result, asked = await execute([("200 OK", body)], steps)

    assert (result["status"], result["error"]["name"]) == ("ERROR", "WriteRefusedError")
    assert "cannot be read" in result["error"]["message"]
    assert asked == ["tasks"] * wire_link.ATTEMPTS


@pytest.mark.parametrize("status", ["408 Timeout", "429 Often", "503 Unavailable"])
async def test_what_passes_is_asked_again(status: str) -> None:
    finished = {**TASK, "status": "COMPLETED"}
    answers: Answers = [
        (status, {"error": "Later."}), ("200 OK", {"task": TASK}), ("200 OK", finished),
        (status, {"error": "Later."}), ("200 OK", {"task": TASK}), ("200 OK", finished),
    ]  # fmt: skip

    _, result, asked = await execute(answers, steps)

    assert result == {"status": "SUCCESS", "output": [1, 2]}
    assert asked == ["tasks", "tasks", "complete"] * 2


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_server_that_does_not_take_the_key_is_told_so_and_may_pause(status: str) -> None:
    answered, result, asked = await execute([(status, {"error": "Invalid or Missing API key"})], steps)

    assert (answered, asked) == (500, ["tasks"])
    assert "does not take the API key of this app. Invalid or Missing API key" in result["message"]
