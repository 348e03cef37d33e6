"""`io.background_poll`: the node asks again and again, until an answer matches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from perdure import IO
from perdure.errors import FetchTimeoutError, InvalidArgumentError, InvalidFilterError, PollTimeoutError, RunError
from tests.scenarios.app import App, task_of
from tests.scenarios.target import Reply, target


@dataclass
class State:
    state: str


DONE = {"status": [200], "headers": {"X-Kind": ["job"]}, "body": {"state": [{"$anythingBut": "pending"}]}}


async def test_a_poll_gives_the_body_that_matches_and_shows_its_attempts(app: App) -> None:
    @app.job
    async def polling(payload: Any, io: IO) -> str:
        found = await io.background_poll(
            "📈", service.url("/job?token=hush"), interval=1, response_filter=DONE, as_type=State
        )
        assert isinstance(found, State)
        return found.state

    kind = {"X-Kind": "job"}
    async with target(job=[Reply({"state": "pending"}, 200, kind), Reply({"state": "done"}, 200, kind)]) as service:
        run = await app.run(polling)
    assert (run.status, run.output) == ("SUCCESS", "done")
    task = task_of(run, "📈")
    assert (task.icon, task.attempts) == ("clock-bolt", 2)
    assert [child.name for child in task.children] == ["poll attempt", "poll attempt"]
    assert [child.params["body"]["state"] for child in task.children] == ["pending", "done"]
    assert task.children[0].style == {"style": "minimal", "variant": "info"}
    assert "hush" not in str(run)
    assert task.children[0].description is not None
    assert task.children[0].description.endswith("/job?token=*** 200")


async def test_a_poll_that_never_matches_times_out_and_raises_so_on_every_replay(app: App) -> None:
    seen: list[str] = []

    @app.job
    async def polling(payload: Any, io: IO) -> int:
        for _ in range(2):
            try:
                await io.background_poll("📈", service.url("/job"), timeout=timedelta(seconds=1), response_filter=DONE)
            except PollTimeoutError as error:
                seen.append(error.message)
            await io.wait("w", 0.01)
        return len(set(seen))

    async with target(job=Reply({"state": "pending"})) as service:
        run = await app.run(polling)
    assert run.output == 1
    assert seen[0] == "background_poll '📈' failed: no answer matched within 1 seconds, in 1 attempt."
    assert len(service.requests) == 1


async def test_a_request_that_is_not_answered_in_time_ends_the_poll_unless_it_is_to_be_made_again(app: App) -> None:
    @app.job
    async def polling(payload: Any, io: IO) -> str:
        try:
            await io.background_poll("📈", service.url("/job"), request_timeout=1)
        except FetchTimeoutError as error:
            return error.message
        return "answered"

    async with target(job=Reply()) as service:
        service.hangs = True
        run = await app.run(polling)
    assert "did not answer in full within 1 seconds" in run.output


async def test_a_poll_goes_on_after_a_restart(durable_app: App) -> None:
    @durable_app.job
    async def polling(payload: Any, io: IO) -> Any:
        return await io.background_poll("📈", service.url("/job"), interval=1, response_filter={"body": {"n": [2]}})

    async with target(job=[Reply({"n": 1}), Reply({"n": 2})]) as service:
        async with durable_app.start():
            handle = await durable_app.client.invoke(polling)
            await service.arrived()
        async with durable_app.start():
            run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", {"n": 2})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"interval": 0}, InvalidArgumentError, "interval is a duration from 1 to 3,600"),
        ({"interval": -1}, InvalidArgumentError, "interval"),
        ({"interval": 3601}, InvalidArgumentError, "interval is a duration from 1 to 3,600"),
        ({"timeout": 0}, InvalidArgumentError, "timeout is a duration from 1 to"),
        ({"timeout": timedelta(days=3650)}, InvalidArgumentError, "timeout is a duration from 1 to"),
        ({"request_timeout": 6}, InvalidArgumentError, "request_timeout is a duration from 1 to 5"),
        ({"request_timeout_retry": {"limit": -1}}, InvalidArgumentError, "retry.limit"),
        ({"response_filter": []}, InvalidFilterError, "expected an object"),
        ({"response_filter": {"state": ["done"]}}, InvalidFilterError, "unknown part"),
        ({"response_filter": {"status": ["200"]}}, InvalidFilterError, "expected a number"),
        ({"response_filter": {"body": {"n": [{"$regex": "("}]}}}, InvalidFilterError, "unknown operator"),
        ({"url": "gopher://h/"}, InvalidArgumentError, "only http and https"),
    ],
)
async def test_a_wrong_argument_is_refused_where_it_is_given(
    app: App, arguments: dict[str, Any], error: type[RunError], message: str
) -> None:
    @app.job
    async def wrong(payload: Any, io: IO) -> str:
        with pytest.raises(error, match=message):
            io.background_poll("📈", **({"url": "https://api.example/"} | arguments))
        return "refused"

    run = await app.run(wrong)
    assert (run.output, run.tasks) == ("refused", ())


async def test_a_filter_seventeen_deep_is_refused(app: App) -> None:
    deep: dict[str, Any] = {"a": [1]}
    for _ in range(16):
        deep = {"a": deep}

    @app.job
    async def wrong(payload: Any, io: IO) -> str:
        with pytest.raises(InvalidFilterError, match="nested more than 16 deep"):
            io.background_poll("📈", "https://api.example/", response_filter={"body": deep})
        return "refused"

    assert (await app.run(wrong)).output == "refused"


async def test_a_poll_that_timed_out_has_its_full_time_again_when_its_run_is_continued(app: App) -> None:
    @app.job
    async def polling(payload: Any, io: IO) -> Any:
        return await io.background_poll("📈", service.url("/job"), timeout=1, response_filter={"body": {"n": [2]}})

    async with target(job=[Reply({"n": 1}), Reply({"n": 2})]) as service, app.start():
        handle = await app.client.invoke(polling)
        assert (await app.finish(handle)).status == "FAILURE"
        await app.client.continue_run(handle.id)
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", {"n": 2})
    assert [child.params["body"] for child in task_of(run, "📈").children] == [{"n": 2}]
