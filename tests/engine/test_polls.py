"""Polls: asked again at their interval, until an answer matches or their time is up."""

from __future__ import annotations

import asyncio
import json

import pytest

from perdure.engine.polls import KEPT_ATTEMPTS, KEPT_BODY
from perdure.errors import BlockedAddressError, FetchFailedError, FetchTimeoutError, ResponseTooLargeError
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.runs import RunAnswer, RunTaskAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import ScriptedApp
from tests.engine.fetching import polls
from tests.engine.requester import Answers, Reply, answer
from tests.engine.world import World, world

DONE = {"body": {"state": ["done"]}}
DONE_ANSWER = answer('{"state": "done"}', x_trace="7", set_cookie="session=hush")
PENDING = answer('{"state": "pending"}', status=202)


async def all_tasks(it: World, run_id: str) -> list[RunTaskAnswer]:
    """The tasks of a run, from every page."""
    found: list[RunTaskAnswer] = []
    cursor: str | None = None
    while True:
        page = await it.platform.get_run(run_id, cursor=cursor, take=50, subtasks=True)
        found += page.tasks
        cursor = page.next_cursor
        if cursor is None:
            return found


async def attempts(it: World, run_id: str) -> list[RunTaskAnswer]:
    """The attempts of the run's poll, as tasks."""
    return [task for task in await all_tasks(it, run_id) if task.parent_id is not None]


async def begin(it: World) -> str:
    """Start the job; its run, once it waits."""
    await it.send("job")
    run_id = await it.only_run()
    await it.see(run_id, lambda run: bool(run.tasks))
    return run_id


async def attempted(it: World, run_id: str, number: int) -> None:
    """Wait until so many attempts have been made and the poll waits for the next."""
    async with asyncio.timeout(60):
        while True:
            if (await it.platform.get_run(run_id)).tasks[0].attempts == number + 1:
                return
            await asyncio.sleep(0)


def result(run: RunAnswer) -> str:
    (text,) = json.loads(str(run.output))
    return str(text)


async def test_a_poll_goes_on_at_its_interval_until_an_answer_matches(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(PENDING, PENDING, DONE_ANSWER)
    app.job("job", polls(interval=5, responseFilter=DONE, requestInit={"method": "POST"}))
    async with world(storage, app, requester=requester) as it:
        run_id = await begin(it)
        for number in (1, 2):
            await attempted(it, run_id, number)
            it.clock.advance(4.999)
            assert len(requester.requests) == number
            it.clock.advance(0.001)
        assert result(await it.ended(run_id)) == '{"state": "done"}'
        kept = await attempts(it, run_id)
    assert [task.key for task in kept] == ["1", "2", "3"]
    assert {(task.name, task.status, task.noop) for task in kept} == {("poll attempt", TaskStatus.COMPLETED, True)}
    assert json.loads(str(kept[2].params)) == {
        "status": 200,
        "headers": {"x-trace": "7", "set-cookie": "***"},
        "body": {"state": "done"},
    }
    assert json.loads(str(kept[0].details)) == {
        "icon": "activity",
        "description": "POST https://api.example/things 202",
        "style": {"style": "minimal", "variant": "info"},
    }


async def test_each_attempt_has_a_key_of_its_own(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(PENDING, DONE_ANSWER)
    async with world(storage, app.job("job", polls(interval=1, responseFilter=DONE)), requester=requester) as it:
        run_id = await begin(it)
        await attempted(it, run_id, 1)
        it.clock.advance(1)
        await it.ended(run_id)
    assert len({dict(request.headers)["Idempotency-Key"] for request in requester.requests}) == 2


async def test_a_poll_gives_up_at_its_timeout_and_not_before(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(PENDING)
    app.job("job", polls(interval=4, timeout=10, responseFilter=DONE))
    async with world(storage, app, requester=requester) as it:
        run_id = await begin(it)
        for number, pause in ((1, 4.0), (2, 4.0), (3, 1.999)):
            await attempted(it, run_id, number)
            it.clock.advance(pause)
        assert (await it.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE
        it.clock.advance(0.001)
        run = await it.ended(run_id)
    assert result(run) == (
        "PollTimeoutError: background_poll 'poll' failed: no answer matched within 10 seconds, in 3 attempts."
    )
    assert len(requester.requests) == 3


@pytest.mark.parametrize(
    ("filter", "matching", "other"),
    [
        ({"status": [200, 201]}, answer(status=201), answer(status=202)),
        ({"status": [404]}, answer(status=404), answer(status=200)),
        ({"headers": {"X-State": [{"$startsWith": "fin"}]}}, answer(x_state="finished"), answer(x_state="going")),
        ({"body": {"n": [{"$gte": 3, "$lt": 5}]}}, answer('{"n": 4}'), answer('{"n": 5}')),
        ({"status": [200], "body": {"n": [1]}}, answer('{"n": 1}'), answer('{"n": 1}', status=202)),
        ({"body": {}}, answer("{}"), answer("no JSON")),
        (None, answer(status=204), answer(status=404)),
    ],
    ids=["status", "a failure's status", "headers", "body", "both", "any JSON", "none"],
)
async def test_an_answer_matches_by_status_and_headers_and_body(
    storage: Storage, app: ScriptedApp, filter: object, matching: OutboundResponse, other: OutboundResponse
) -> None:
    requester = Answers(other, matching)
    async with world(storage, app.job("job", polls(interval=1, responseFilter=filter)), requester=requester) as it:
        run_id = await begin(it)
        await attempted(it, run_id, 1)
        it.clock.advance(1)
        await it.ended(run_id)
    assert len(requester.requests) == 2


def test_each_attempt_of_a_poll_that_is_as_long_as_v2_allows_is_kept() -> None:
    longest, shortest_interval = 3600, 10
    assert longest // shortest_interval + 1 <= KEPT_ATTEMPTS


async def test_of_many_attempts_the_last_are_kept(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.engine.operation_steps.KEPT_ATTEMPTS", 40)
    made = 40 + 7
    requester = Answers(*[PENDING] * (made - 1), DONE_ANSWER)
    app.job("job", polls(interval=1, timeout=9999, responseFilter=DONE))
    async with world(storage, app, requester=requester) as it:
        run_id = await begin(it)
        for number in range(1, made):
            await attempted(it, run_id, number)
            it.clock.advance(1)
        await it.ended(run_id)
        kept = await attempts(it, run_id)
    assert [task.key for task in kept] == [str(number) for number in range(8, made + 1)]


async def test_a_long_body_is_not_kept_with_the_attempt(storage: Storage, app: ScriptedApp) -> None:
    text = json.dumps({"state": "done", "more": "x" * KEPT_BODY})
    async with world(storage, app.job("job", polls(responseFilter=DONE)), requester=Answers(answer(text))) as it:
        run_id = await begin(it)
        assert result(await it.ended(run_id)) == text
        (kept,) = await attempts(it, run_id)
    assert json.loads(str(kept.params))["body"] == f"{len(text):,} bytes, not kept"


async def test_a_poll_outlives_what_it_polls_being_away(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(*[FetchFailedError("There is no connection.")] * 5, DONE_ANSWER)
    async with world(storage, app.job("job", polls(interval=1, responseFilter=DONE)), requester=requester) as it:
        run_id = await begin(it)
        for number in range(1, 6):
            await attempted(it, run_id, number)
            it.clock.advance(1)
        assert result(await it.ended(run_id)) == '{"state": "done"}'
        kept = await attempts(it, run_id)
    assert json.loads(str(kept[0].params)) == {"error": "There is no connection."}
    assert json.loads(str(kept[0].details))["description"] == "GET https://api.example/things no answer"


@pytest.mark.parametrize(
    "error", [FetchTimeoutError(), BlockedAddressError(), ResponseTooLargeError()], ids=["slow", "blocked", "too large"]
)
async def test_what_would_only_happen_again_ends_a_poll(storage: Storage, app: ScriptedApp, error: Exception) -> None:
    async with world(storage, app.job("job", polls()), requester=Answers(error)) as it:
        run = await it.ended(await begin(it))
    assert result(run).startswith(f"{type(error).__name__}: background_poll 'poll' failed: ")


async def test_timed_out_requests_are_made_again_as_the_call_says_and_an_answer_begins_the_count_anew(
    storage: Storage, app: ScriptedApp
) -> None:
    slow = FetchTimeoutError()
    requester = Answers(slow, PENDING, slow, slow)
    retry = {"limit": 2, "minTimeoutInMs": 1000, "randomize": False}
    job = polls(interval=1, responseFilter=DONE, requestTimeout={"durationInMs": 2000, "retry": retry})
    async with world(storage, app.job("job", job), requester=requester) as it:
        run_id = await begin(it)
        for number in (1, 2, 3):
            await attempted(it, run_id, number)
            it.clock.advance(1)
        assert result(await it.ended(run_id)).startswith("FetchTimeoutError")
    assert len(requester.requests) == 4
    assert {request.timeout for request in requester.requests} == {2}


async def test_a_poll_goes_on_where_it_was_after_a_restart(storage: Storage, app: ScriptedApp) -> None:
    app.job("job", polls(interval=10, timeout=25, responseFilter=DONE))
    async with world(storage, app, requester=Answers(PENDING)) as it:
        run_id = await begin(it)
        await attempted(it, run_id, 1)
        it.clock.advance(9.999)
    second = Answers(PENDING)
    async with world(storage, app, seed=1, requester=second) as it:
        assert second.requests == []
        it.clock.advance(0.001)
        await attempted(it, run_id, 2)
        it.clock.advance(10)
        await attempted(it, run_id, 3)
        it.clock.advance(5)
        assert "in 3 attempts" in result(await it.ended(run_id))
        assert [task.key for task in await attempts(it, run_id)] == ["1", "2", "3"]


async def test_a_matching_body_that_cannot_be_kept_fails_the_poll(storage: Storage, app: ScriptedApp) -> None:
    def reply(_request: OutboundRequest) -> Reply:
        return answer('{"a": 1, "a": 2}')

    async with world(storage, app.job("job", polls()), requester=Answers(by=reply)) as it:
        run = await it.ended(await begin(it))
    assert "the body of the answer cannot be kept: An object has the key 'a' twice." in result(run)
