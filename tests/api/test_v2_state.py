"""What endpoints of the v2 protocol keep beside tasks and events: values, schedules, lines of a log."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.endpoint import DynamicScheduleSpec
from tests.api.client import serving
from tests.api.executing import done, executing
from tests.engine.app import ScriptedApp


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
