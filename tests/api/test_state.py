"""Stored values, statuses and schedules over the API."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.endpoint import DynamicScheduleSpec
from tests.api.client import greets, serving
from tests.api.test_runs import app, invoke
from tests.engine.app import ScriptedApp


async def test_values_are_stored_read_listed_and_deleted() -> None:
    async with serving() as api:
        for key in ("a%2Fb", "a%3Fc", "b", "%F0%9F%93%B8", "job%3Ax%3Ab"):
            assert (await api.send("PUT", f"/api/store/{key}", b' {"n": 1e2,\n "t": "x"} ')).status == 200
        assert (await api.get("/api/store/a%2Fb")).body == {"n": 1e2, "t": "x"}
        listed = (await api.get("/api/store?prefix=a&take=1")).body
        assert [value["key"] for value in listed["values"]] == ["a/b"]
        assert listed["values"][0]["size"] == len(b' {"n": 1e2,\n "t": "x"} ')
        rest = (await api.get(f"/api/store?prefix=a&cursor={listed['next_cursor'].replace('?', '%3F')}")).body
        assert [value["key"] for value in rest["values"]] == ["a?c"]
        everything = (await api.get("/api/store")).body["values"]
        assert [value["key"] for value in everything] == ["a/b", "a?c", "b", "job:x:b", "📸"]
        assert (await api.ask("HEAD", "/api/store/b")).status == 200
        assert (await api.delete("/api/store/b")).body == {"deleted": True}
        assert (await api.delete("/api/store/b")).body == {"deleted": False}
        assert (await api.ask("HEAD", "/api/store/b")).status == 404
        assert (await api.get("/api/store/b")).code == "not_found"


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("a/b", 404),
        ("%2E%2E", 422),
        ("a%2F..%2Fb", 422),
        ("%00", 422),
        ("%C3", 404),
        ("x" * 512, 200),
        ("x" * 513, 422),
        ("a%252Fb", 200),
    ],
)
async def test_a_key_is_one_segment_of_the_path_decoded_once(key: str, status: int) -> None:
    async with serving() as api:
        answer = await api.send("PUT", f"/api/store/{key}", b"1")
        assert answer.status == status, answer.body
        if key == "a%252Fb":
            assert [value["key"] for value in (await api.get("/api/store")).body["values"]] == ["a%2Fb"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"undefined", 400, "invalid_json"),
        (b'"' + "€".encode() * 100_000 + b'"', 413, "value_too_large"),
        (b'"' + b"x" * 262_142 + b'"', 200, None),
        (b"[" * 65 + b"]" * 65, 400, "json_too_deep"),
        (b"[" * 64 + b"]" * 64, 200, None),
    ],
    ids=range(6),
)
async def test_a_value_is_json_of_a_bounded_size(body: bytes, status: int, code: str | None) -> None:
    async with serving() as api:
        answer = await api.send("PUT", "/api/store/k", body)
    assert (answer.status, answer.body.get("code")) == (status, code)


async def test_a_status_is_created_and_changed() -> None:
    async with serving(app()) as api:
        run_id = await invoke(api, "naps")
        path = f"/api/runs/{run_id}/statuses/shot%2F1"
        made = await api.put(path, {"label": "Shot", "state": "loading", "data": {"n": 1}})
        assert (made.status, made.body["key"], made.body["history"]) == (200, "shot/1", [])
        changed = (await api.put(path, {"state": "success"})).body
        assert (changed["label"], changed["state"], changed["data"]) == ("Shot", "success", {"n": 1})
        assert len(changed["history"]) == 1
        run = (await api.get(f"/api/runs/{run_id}/statuses")).body
        assert (run["statuses"], run["tasks"]) == ([changed], [])
        wrong: list[tuple[Any, int]] = [({"state": "done"}, 422), ({"data": [1]}, 422), ({"label": ""}, 422)]
        for body, status in wrong:
            assert (await api.put(path, body)).status == status
        assert (await api.put("/api/runs/run_x/statuses/s", {})).status == 404


async def test_schedules_are_registered_listed_and_unregistered() -> None:
    ticking = ScriptedApp(SystemClock()).job("greets", greets, trigger=DynamicScheduleSpec("daily"))
    ticking.dynamic_schedules = ("daily",)
    async with serving(ticking) as api:
        path = "/api/schedules/daily/registrations"
        timing = {"type": "cron", "cron": "0 9 * * *", "timezone": "Europe/Berlin"}
        made = await api.put(path, {"key": "user/1", "timing": timing, "metadata": {"plan": "x"}})
        assert made.status == 200, made.body
        assert (made.body["timing"], made.body["metadata"], made.body["is_active"]) == (timing, {"plan": "x"}, True)
        await api.put(path, {"key": "b", "timing": {"type": "interval", "seconds": 3600}})
        page = (await api.get("/api/schedules?take=1")).body
        (first,) = page["schedules"]
        assert (first["dynamic_id"], first["key"], first["job_ids"]) == ("daily", "user/1", ["greets"])
        assert first["next_tick_at"].endswith("00:00.000Z")
        rest = (await api.get(f"/api/schedules?take=5&cursor={page['next_cursor']}")).body
        assert [one["timing"] for one in rest["schedules"]] == [{"type": "interval", "seconds": 3600}]
        gone = await api.delete(f"{path}/user%2F1")
        assert (gone.status, gone.body["is_active"]) == (200, False)
        assert (await api.get("/api/schedules?take=1")).body["schedules"][0]["next_tick_at"] is None
        assert (await api.put("/api/schedules/other/registrations", {"key": "k", "timing": timing})).status == 404


@pytest.mark.parametrize(
    ("timing", "code"),
    [
        ({"type": "interval", "seconds": 1}, "invalid_argument"),
        ({"type": "interval", "seconds": 2**70}, "invalid_argument"),
        ({"type": "interval", "seconds": 30.5}, "invalid_field"),
        ({"type": "cron", "cron": "* * * * * *"}, "invalid_cron"),
        ({"type": "cron", "cron": "0 0 30 2 *"}, "cron_never_fires"),
        ({"type": "cron", "cron": "0 0 * * *", "timezone": "../../etc/passwd"}, "invalid_argument"),
        ({"type": "v2-cron", "cron": "* * * * * *"}, "invalid_field"),
        ({"type": "moon"}, "invalid_field"),
    ],
)
async def test_a_timing_that_cannot_be_is_refused(timing: dict[str, Any], code: str) -> None:
    ticking = ScriptedApp(SystemClock()).job("greets", greets, trigger=DynamicScheduleSpec("daily"))
    ticking.dynamic_schedules = ("daily",)
    async with serving(ticking) as api:
        answer = await api.put("/api/schedules/daily/registrations", {"key": "k", "timing": timing})
    assert (answer.status, answer.code) == (422, code)
