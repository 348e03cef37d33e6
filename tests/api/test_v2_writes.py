"""What endpoints of the v2 protocol write, and what is refused of it: nothing is half-written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.endpoint import DynamicScheduleSpec, EventTriggerSpec
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from tests.api.client import Answer, ApiClient, serving
from tests.api.test_runs import invoke
from tests.engine.app import Execution, ScriptedApp


async def done(_execution: Execution) -> ExecutionResult:
    return Succeeded(None)


KEY = "a" * 64
OTHER = "b" * 64
LAZY = {"Trigger-Version": "2023-09-29"}


class Endpoint:
    """A run that an endpoint executes until the test has done with it."""

    def __init__(self, api: ApiClient, run_id: str) -> None:
        self.api = api
        self.run_id = run_id

    async def create(self, key: str = KEY, *, header: str | None = None, **members: Any) -> Answer:
        sent = {**LAZY, "Idempotency-Key": key if header is None else header, "X-Cached-Tasks-Cursor": ""}
        return await self.api.post(f"/api/v1/runs/{self.run_id}/tasks", {"idempotencyKey": key, **members}, **sent)

    async def complete(self, task_id: str, body: Any, **headers: str) -> Answer:
        headers = headers or {"Trigger-Version": "2023-11-01"}
        return await self.api.post(f"/api/v1/runs/{self.run_id}/tasks/{task_id}/complete", body, **headers)


@asynccontextmanager
async def executing() -> AsyncIterator[Endpoint]:
    done = asyncio.Event()

    async def waits(execution: Execution) -> ExecutionResult:
        await done.wait()
        return Succeeded(None)

    async with serving(ScriptedApp(SystemClock()).job("waits", waits)) as api:
        try:
            yield Endpoint(api, await invoke(api, "waits"))
        finally:
            done.set()


async def test_a_task_is_created_once_and_answered_unchanged() -> None:
    async with executing() as endpoint:
        first = await endpoint.create(name="Load", icon="star", params={"a": 1}, displayKey="load")
        assert (first.status, first.headers["trigger-version"]) == (200, "2023-09-29")
        task = first.body["task"]
        assert (task["status"], task["name"], task["icon"], task["params"]) == ("RUNNING", "Load", "star", {"a": 1})
        assert "cachedTasks" not in first.body
        again = await endpoint.create(name="Other")
        assert (again.body["task"]["id"], again.body["task"]["name"]) == (task["id"], "Load")


async def test_without_a_version_the_answer_is_the_plain_task() -> None:
    async with executing() as endpoint:
        path = f"/api/v1/runs/{endpoint.run_id}/tasks"
        answer = await endpoint.api.post(path, {"idempotencyKey": KEY}, **{"Idempotency-Key": KEY})
    assert (answer.body["idempotencyKey"], answer.body["name"]) == (KEY, "Task")
    assert "trigger-version" not in answer.headers


async def test_an_outcome_stays_as_it_is() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        for output in ('{"a":1}', '{"a":2}'):
            answer = await endpoint.complete(task_id, {"output": output})
            assert (answer.status, answer.body["status"], answer.body["output"]) == (200, "COMPLETED", {"a": 1})
        failed = await endpoint.api.post(
            f"/api/v1/runs/{endpoint.run_id}/tasks/{task_id}/fail", {"error": {"message": "late"}}
        )
        assert (failed.status, failed.body["status"]) == (200, "COMPLETED")


async def test_an_output_that_is_undefined_is_left_out() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        assert "output" not in (await endpoint.complete(task_id, {})).body
        other = (await endpoint.create(OTHER)).body["task"]["id"]
        assert (await endpoint.complete(other, {}, Accept="*/*")).body["output"] == {}


async def test_a_failed_task_shows_its_error_as_its_output() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        error = {"name": "TypeError", "message": "boom", "stack": "at x"}
        answer = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks/{task_id}/fail", {"error": error})
    assert (answer.body["status"], answer.body["output"]) == ("ERRORED", error)


async def test_the_tasks_that_an_execution_has_not_got_come_in_pages() -> None:
    async with executing() as endpoint:
        for number in range(3):
            key = f"{number:064}"
            task_id = (await endpoint.create(key)).body["task"]["id"]
            await endpoint.complete(task_id, {"output": f'"{number}" '})
        sent = {**LAZY, "Idempotency-Key": KEY, "X-Cached-Tasks-Cursor": "task_"}
        body = {"idempotencyKey": KEY}
        answer = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks", body, **sent)
    cached = answer.body["cachedTasks"]
    assert [(one["idempotencyKey"], one["output"]) for one in cached["tasks"]] == [
        (f"{n:064}", f"{n}") for n in range(3)
    ]
    assert "cursor" not in cached


async def test_in_a_run_that_has_ended_a_task_is_cancelled_and_not_stored() -> None:
    async with executing() as endpoint:
        open_task = (await endpoint.create(OTHER)).body["task"]["id"]
        await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/cancel")
        assert (await endpoint.create()).body["task"]["status"] == "CANCELED"
        assert (await endpoint.complete(open_task, {"output": "1"})).body["status"] == "CANCELED"
        run = await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}")
    assert [task["id"] for task in run.body["tasks"]] == [open_task]


@pytest.mark.parametrize(
    ("members", "header", "status", "code"),
    [
        ({}, "", 400, "missing_idempotency_key"),
        ({}, OTHER, 400, "invalid_idempotency_key"),
        ({"parentId": "task_nobody"}, None, 422, "invalid_field"),
        ({"operation": "format-disk"}, None, 422, "invalid_field"),
        ({"noop": "yes"}, None, 422, "invalid_field"),
        ({"delayUntil": "tomorrow"}, None, 422, "invalid_field"),
    ],
)
async def test_a_task_that_cannot_be_is_refused(members: Any, header: str | None, status: int, code: str) -> None:
    async with executing() as endpoint:
        answer = await endpoint.create(header=header, **members)
        assert (answer.status, answer.code) == (status, code)
        assert (await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}")).body["tasks"] == []


@pytest.mark.parametrize("key", ["k", "A" * 64, "g" * 64, "é" * 64])
async def test_a_key_that_is_no_hash_is_refused(key: str) -> None:
    async with executing() as endpoint:
        sent = {**LAZY, "Idempotency-Key": key.encode().decode("latin-1")}
        answer = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks", {"idempotencyKey": key}, **sent)
    assert (answer.status, answer.code) == (400, "invalid_idempotency_key")


FILTER_17: Any = {"a": [1]}
for _ in range(17):
    FILTER_17 = {"a": FILTER_17}


UNDOABLE: list[tuple[Any, str | None]] = [
    *(
        ({"url": url}, "blocked_address")
        for url in (
            "http://169.254.169.254/",
            "http://[::ffff:a00:1]/",
            "http://[64:ff9b::a00:1]/",
            "http://167772161/",
        )
    ),
    *(
        ({"url": url}, "invalid_url")
        for url in (
            "file:///etc/passwd",
            "gopher://a/",
            "http:///x",
            "http://a\tb/",
            "http://127.0.0.1\\@evil.example/",
            "http://u:p@h/",
        )
    ),
    *(
        ({"url": "http://a.example/", "requestInit": {"headers": headers}}, "invalid_header")
        for headers in (
            {"X": "a\r\nHost: evil"},
            {"Host": "x"},
            {"Content-Length": "1"},
            {"Transfer-Encoding": "chunked"},
        )
    ),
    *(
        ({"url": "http://a.example/", "responseFilter": {"status": [200]}, **polled}, "invalid_argument")
        for polled in ({"interval": 0}, {"interval": -1}, {"timeout": 315_360_000})
    ),
    ({"url": "http://a.example/", "responseFilter": {"body": FILTER_17}}, "invalid_filter"),
    ({"url": "http://a.example/", "timeout": {"durationInMs": 5000, "retry": 3}}, "invalid_argument"),
    ({"url": "http://a.example/", "responseFilter": {}, "requestTimeout": {"retry": "5"}}, "invalid_argument"),
    ({"url": 7}, None),
]


@pytest.mark.parametrize(("params", "code"), UNDOABLE)
async def test_work_of_the_server_that_may_not_be_fails_its_task_at_once_and_not_the_call(
    params: Any, code: str | None
) -> None:
    operation = "fetch-poll" if "responseFilter" in params else "fetch"
    async with executing() as endpoint:
        answer = await endpoint.create(operation=operation, params=params)
    task = answer.body["task"]
    assert (answer.status, task["status"]) == (200, "ERRORED")
    assert task["output"]["message"]
    assert code in (None, task["output"]["code"])


async def test_nothing_of_another_run_or_of_none_can_be_written() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        nobody = Endpoint(endpoint.api, "run_nobody")
        assert (await nobody.create()).status == 404
        assert (await nobody.complete(task_id, {"output": "1"})).status == 404
        assert (await endpoint.complete("task_nobody", {"output": "1"})).status == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"event": {"name": ""}}, 422, "invalid_field"),
        ({"event": {"payload": 1}}, 422, "invalid_field"),
        ({"event": {"name": "n"}, "options": {"deliverAfter": "5"}}, 422, "invalid_field"),
        ({"event": {"name": "n"}, "options": {"deliverAfter": -5}}, 422, "invalid_field"),
        ({"event": {"name": "n", "timestamp": "yesterday"}}, 422, "invalid_field"),
        (
            {"event": {"name": "n"}, "options": {"deliverAfter": 5, "deliverAt": "2030-01-01T00:00:00Z"}},
            422,
            "conflicting_fields",
        ),
        (
            {"event": {"name": "n", "payloadType": "REQUEST"}, "options": {"deliverAfter": 5}},
            422,
            "conflicting_fields",
        ),
    ],
)
async def test_an_event_that_cannot_be_is_refused(body: Any, status: int, code: str) -> None:
    async with serving() as api:
        answer = await api.post("/api/v1/events", body)
        assert (answer.status, answer.code) == (status, code)
        assert (await api.get("/api/events")).body["events"] == []


async def test_of_a_bulk_all_are_stored_or_none() -> None:
    async with serving() as api:
        events = [{"name": "n", "id": f"e{number}"} for number in range(3)]
        stored = await api.post("/api/v1/events/bulk", {"events": events})
        assert [event["id"] for event in stored.body] == ["e0", "e1", "e2"]
        bad = await api.post("/api/v1/events/bulk", {"events": [{"name": "n", "id": "e3"}, {"name": ""}]})
        assert bad.status == 422
        many = await api.post("/api/v1/events/bulk", {"events": [{"name": "n"}] * 1001})
        assert (many.status, many.code) == (422, "invalid_field")
        assert len((await api.get("/api/events")).body["events"]) == 3


async def test_a_delivered_event_is_answered_when_it_is_cancelled() -> None:
    async with serving() as api:
        await api.post("/api/v1/events", {"event": {"name": "n", "id": "e"}})
        answer = await api.post("/api/v1/events/e/cancel")
        assert (answer.status, answer.body["cancelledAt"]) == (200, None)
        assert answer.body["deliveredAt"] is not None
        assert (await api.post("/api/v1/events/nobody/cancel")).body["error"] == "Event not found"


async def test_a_value_is_text_that_comes_back_as_it_was() -> None:
    async with serving() as api:
        path = "/api/v1/store/a%2Fb"
        stored = await api.ask("PUT", path, body=b'{"a": 1.50}', headers={"Content-Type": "text/plain"})
        assert stored.body == {"action": "SET", "key": "a/b", "value": '{"a": 1.50}'}
        assert (await api.get(path)).body == {"action": "GET", "key": "a/b", "value": '{"a": 1.50}'}
        assert (await api.ask("HEAD", path)).status == 200
        assert (await api.delete(path)).body == {"action": "DELETE", "key": "a/b", "deleted": True}
        assert (await api.get(path)).body == {"action": "GET", "key": "a/b"}
        assert (await api.ask("HEAD", path)).status == 404


@pytest.mark.parametrize("text", ["", "plain text", "NaN", '{"a": 1, "a": 2}', "\x00", "null"])
async def test_a_value_may_be_any_text(text: str) -> None:
    async with serving() as api:
        path, kind = "/api/v1/store/k", {"Content-Type": "text/plain"}
        stored = await api.ask("PUT", path, body=text.encode(), headers=kind)
        assert (stored.status, stored.body) == (200, {"action": "SET", "key": "k", "value": text})
        assert (await api.get(path)).body == {"action": "GET", "key": "k", "value": text}
        assert (await api.ask("HEAD", path)).status == 200
        # Who reads values as JSON has one, too.
        assert (await api.get("/api/store/k")).body == (None if text in ("", "null") else text)
        await api.put("/api/store/k", "1")
        assert (await api.get(path)).body["value"] == '"1"'
        assert (await api.ask("PUT", path, body=b"\xff", headers=kind)).code == "invalid_encoding"


async def test_dates_without_an_offset_are_in_utc_wherever_they_are_sent() -> None:
    async with executing() as endpoint:
        api, event = endpoint.api, {"name": "n", "timestamp": "2024-01-01"}
        sent = await api.post("/api/v1/events", {"event": event, "options": {"deliverAt": "2050-01-01T00:00:00"}})
        assert sent.body["timestamp"] == "2024-01-01T00:00:00.000Z"
        assert sent.body["deliverAt"] == "2050-01-01T00:00:00.000Z"
        own = {"events": [event], "options": {"deliver_at": "2050-01-01T00:00:00"}}
        assert (await api.post("/api/events", own)).body[0]["deliver_at"] == "2050-01-01T00:00:00.000Z"
        made = await endpoint.create(noop=True, delayUntil="2050-01-01T00:00")
        assert (made.body["task"]["status"], made.body["task"]["delayUntil"]) == ("WAITING", "2050-01-01T00:00:00.000Z")


async def test_an_unknown_job_cannot_be_invoked() -> None:
    async with serving() as api:
        answer = await api.post("/api/v1/jobs/nobody/invoke", {"payload": {}})
    assert (answer.status, answer.body["error"], answer.body["message"]) == (404, "Job not found", "Job not found")


async def test_a_schedule_is_registered_with_what_is_there_and_nothing_else() -> None:
    ticking = ScriptedApp(SystemClock()).job("ticks", done, trigger=DynamicScheduleSpec("daily"))
    ticking.dynamic_schedules = ("daily",)
    body = {"id": "k", "type": "interval", "options": {"seconds": 60}}
    async with serving(ticking) as api:
        for path in ("nobody/schedules/daily", "app/schedules/never"):
            made = await api.post(f"/api/v1/{path}/registrations", body)
            gone = await api.delete(f"/api/v1/{path}/registrations/k")
            for answer in (made, gone):
                assert (answer.status, answer.code) == (400, "not_found")
                assert path.split("/")[0 if "nobody" in path else 2] in answer.body["error"]
        assert (await api.delete("/api/v1/app/schedules/daily/registrations/k")).status == 400
        made = await api.post("/api/v1/app/schedules/daily/registrations", body)
        assert (made.status, made.body["id"], made.body["active"]) == (200, "k", True)
        gone = await api.delete("/api/v1/app/schedules/daily/registrations/k")
        assert (gone.status, gone.body) == (200, {"ok": True})


@pytest.mark.parametrize("filter", [{"a": [1, "x"]}, {"a": [{"$regex": "(a+)+$"}]}, {"a": [{"$between": [5]}]}])
async def test_an_event_filter_that_is_none_is_refused(filter: object) -> None:
    async with executing() as endpoint:
        made = await endpoint.create(callback={"enabled": True})
        body = {"url": made.body["task"]["callbackUrl"], "name": "n", "filter": filter}
        answer = await endpoint.api.post("/api/v1/event-dispatchers/ephemeral", body)
        assert (answer.status, answer.code) == (422, "invalid_filter")


@pytest.mark.parametrize(("seconds", "status"), [(9, 422), (10, 200), (31_536_000, 200), (31_536_001, 422)])
async def test_a_task_waits_for_an_event_for_ten_seconds_to_a_year(seconds: int, status: int) -> None:
    async with executing() as endpoint:
        made = await endpoint.create(callback={"enabled": True})
        body = {"url": made.body["task"]["callbackUrl"], "name": "n", "timeoutInSeconds": seconds}
        answer = await endpoint.api.post("/api/v1/event-dispatchers/ephemeral", body)
        assert answer.status == status
        if status == 422:
            assert (answer.code, answer.body["issues"][0]["path"]) == ("invalid_field", ["timeoutInSeconds"])


@pytest.mark.parametrize("seconds", [2**70, 1e300])
async def test_a_callback_may_be_waited_for_however_long(seconds: float) -> None:
    async with executing() as endpoint:
        made = await endpoint.create(callback={"enabled": True, "timeoutInSeconds": seconds})
        assert (made.status, made.body["task"]["status"]) == (200, "WAITING")


async def test_a_wait_until_no_date_is_over_at_once() -> None:
    # JavaScript makes null of the date that ``io.wait("key", NaN)`` comes to.
    async with executing() as endpoint:
        task = (await endpoint.create(name="wait", icon="clock", noop=True, delayUntil=None)).body["task"]
    assert (task["status"], task["delayUntil"]) == ("COMPLETED", None)


async def test_a_callback_that_is_not_enabled_is_none() -> None:
    async with executing() as endpoint:
        made = await endpoint.create(callback={"timeoutInSeconds": 60})
        assert (made.body["task"]["status"], made.body["task"]["callbackUrl"]) == ("RUNNING", None)


async def test_events_are_sent_to_callback_urls_of_this_server_alone() -> None:
    async with serving() as api:
        body = {"url": "https://example.com/api/v1/tasks/task_1/callback/guess", "name": "n"}
        answer = await api.post("/api/v1/event-dispatchers/ephemeral", body)
    assert (answer.status, answer.code) == (422, "invalid_field")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "app", "url": "http://169.254.169.254/"}, 422),
        ({"id": "app", "url": "ftp://example.com/"}, 400),
        ({"id": "", "url": "http://127.0.0.1:1/"}, 400),
        ({"id": "app", "url": "http://127.0.0.1:1/"}, 400),
    ],
)
async def test_an_app_that_cannot_be_asked_is_not_registered(body: Any, status: int) -> None:
    async with serving() as api:
        answer = await api.post("/api/v1/endpoints", body)
        assert answer.status == status
        assert answer.body["error"]
        assert await api.node.engine.own.remote.endpoints.list() == []


async def test_a_line_is_added_to_the_log_of_a_run() -> None:
    async with executing() as endpoint:
        api, line = endpoint.api, {"level": "WARN", "message": "careful", "data": {"n": 1}}
        added = await api.post(f"/api/v1/runs/{endpoint.run_id}/logs", line)
        assert (added.status, added.body) == (200, line)
        (shown,) = (await api.get(f"/api/runs/{endpoint.run_id}")).body["logs"]
        assert (shown["details"]["description"], shown["params"]) == ("careful", {"n": 1})
        assert shown["details"]["properties"] == [{"label": "Level", "text": "WARN"}]
        assert (await api.post("/api/v1/runs/nobody/logs", line)).status == 404
        assert (await api.post(f"/api/v1/runs/{endpoint.run_id}/logs", {"level": "LOUD", "message": ""})).status == 422
        await api.post(f"/api/v1/runs/{endpoint.run_id}/cancel")
        assert (await api.post(f"/api/v1/runs/{endpoint.run_id}/logs", line)).code == "run_not_active"


async def test_what_the_server_does_itself_is_running_for_clients() -> None:
    async with executing() as endpoint:
        made = await endpoint.create(operation="fetch", params={"url": "http://127.0.0.1:9/"})
        assert (made.body["task"]["status"], made.body["task"]["operation"]) == ("RUNNING", "fetch")


async def test_an_execution_is_to_end_when_the_server_is_about_to_stop() -> None:
    async with executing() as endpoint:
        before = (await endpoint.create()).body["task"]
        endpoint.api.node.engine.hints.stop()
        after = (await endpoint.create(OTHER)).body["task"]
        done = (await endpoint.complete(before["id"], {"output": "1"})).body
        assert [task["forceYield"] for task in (before, after, done)] == [False, True, True]
        assert (after["status"], done["status"]) == ("RUNNING", "COMPLETED")


async def test_filters_see_the_body_of_an_event_that_is_a_request() -> None:
    app = ScriptedApp(SystemClock())
    app.job(
        "paid", done, EventTriggerSpec(("hook",), filter=JsonText('{"method": ["POST"], "body": {"paid": [true]}}'))
    )
    app.job("any", done, EventTriggerSpec(("hook",)))
    async with serving(app) as api:
        started: list[int] = []
        for kind, body in (("application/json", '{"paid":true}'), ("application/json", "{}"), ("text/plain", "x")):
            payload = {
                "url": "https://a.example/",
                "method": "POST",
                "headers": {"content-type": kind},
                "rawBody": body,
            }
            event = {"name": "hook", "payload": payload, "payloadType": "REQUEST"}
            sent = await api.post("/api/v1/events", {"event": event})
            assert (sent.status, sent.body["payload"]) == (200, payload)
            started.append(len((await api.get(f"/api/v2/events/{sent.body['id']}")).body["runs"]))
        assert started == [2, 1, 1]
        sent = await api.post("/api/v1/events", {"event": {"name": "hook", "payload": 1, "payloadType": "REQUEST"}})
        assert len((await api.get(f"/api/v2/events/{sent.body['id']}")).body["runs"]) == 1
