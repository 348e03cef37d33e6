"""Texts with half of a surrogate pair: a request that has one is refused with its place, or comes back as it was."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from perdure.engine.clock import SystemClock
from perdure.protocol.endpoint import EventTriggerSpec
from perdure.protocol.execution import JsonText, TaskRecord
from perdure.protocol.json_text import dump
from perdure.protocol.statuses import TaskStatus
from perdure.transport.task_routes import TaskRoutes
from perdure.transport.wire_calls import WireCalls
from perdure.transport.wire_execution import WireExecution
from perdure.transport.wire_link import WireLink
from tests.api.client import KEY as API_KEY
from tests.api.client import Answer, serving
from tests.api.executing import KEY, OTHER, done, executing
from tests.engine.app import ScriptedApp

HALF, OK = "cut \ud83d", "\ufffd 🦊 \uffff\ue03d"
"""A cut text; and one whose characters are all whole, such as those by which halves are told apart."""

SHOWN = {
    "icon": HALF,
    "description": HALF,
    "properties": [{"label": HALF, "text": HALF, "url": HALF}],
    "style": {"style": "minimal", "variant": HALF},
}


def refused_at(answer: Answer) -> Any:
    """Where a request was refused."""
    assert (answer.status, answer.code) == (422, "invalid_field"), answer
    assert "half of a surrogate pair" in answer.body["error"]
    return answer.body["issues"][0]["path"]


REQUESTS: list[tuple[str, str, Any, list[str | int]]] = [
    ("POST", "/api/v1/events", {"event": {"name": HALF}}, ["event", "name"]),
    ("POST", "/api/v1/events", {"event": {"name": "n", "id": HALF}}, ["event", "id"]),
    ("POST", "/api/v1/events", {"event": {"name": "n", "source": HALF}}, ["event", "source"]),
    ("POST", "/api/v1/events", {"event": {"name": "n"}, "options": {"accountId": HALF}}, ["options", "accountId"]),
    ("POST", "/api/v1/events/bulk", {"events": [{"name": OK}, {"name": HALF}]}, ["events", 1, "name"]),
    ("POST", "/api/v1/jobs/hears/invoke", {"options": {"accountId": HALF}}, ["options", "accountId"]),
    ("POST", "/api/v1/jobs/hears/invoke", {"options": {"callbackUrl": HALF}}, ["options", "callbackUrl"]),
    ("PUT", "/api/v1/runs/run_x/statuses/s", {"label": HALF}, ["label"]),
    ("POST", "/api/v1/event-dispatchers/ephemeral", {"url": HALF, "name": "n", "timeoutInSeconds": 60}, ["url"]),
    ("POST", "/api/v1/event-dispatchers/ephemeral", {"url": "u", "name": ["n", HALF]}, ["name", 1]),
    ("POST", "/api/v1/endpoints", {"id": HALF, "url": "http://localhost:1"}, ["id"]),
    (
        "POST",
        "/api/v1/shop/schedules/d/registrations",
        {"id": HALF, "type": "interval", "options": {"seconds": 60}},
        ["id"],
    ),
    (
        "POST",
        "/api/v1/accounts/acme/connections/github",
        {"accessToken": HALF, "type": "oauth2"},
        ["accessToken"],
    ),
    ("PUT", "/api/v2/shop/sources/key", {"secret": HALF}, ["secret"]),
    ("PUT", "/api/v1/webhooks/hook", {"active": True, "config": {"event": ["e", HALF]}}, ["config", "event", 1]),
    ("PUT", "/api/v1/webhooks/hook", {"active": True, "config": {HALF: []}}, ["config"]),
    ("POST", "/api/events", {"events": [{"name": HALF}]}, ["events", 0, "name"]),
    ("POST", "/api/jobs/hears/invoke", {"idempotency_key": HALF}, ["idempotency_key"]),
    ("PUT", "/api/runs/run_x/statuses/s", {"label": HALF}, ["label"]),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "place"), REQUESTS, ids=[f"{path} {place}" for _, path, _, place in REQUESTS]
)
async def test_a_text_that_is_no_json_of_users_is_refused_with_half_of_a_pair(
    method: str, path: str, body: Any, place: list[str | int]
) -> None:
    app = ScriptedApp(SystemClock()).job("hears", done, EventTriggerSpec(("n",)))
    async with serving(app) as api:
        ask = api.put if method == "PUT" else api.post
        assert refused_at(await ask(path, body)) == place
        assert (await api.get("/api/events")).body["events"] == []


@pytest.mark.parametrize("member", ["name", "parentId"])
async def test_a_task_that_is_named_by_half_of_a_pair_is_refused(member: str) -> None:
    async with executing() as endpoint:
        assert refused_at(await endpoint.create(**{member: HALF})) == [member]
        assert (await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}")).body["tasks"] == []


async def test_what_is_only_shown_of_a_task_comes_back_with_its_halves_of_pairs() -> None:
    async with executing() as endpoint:
        made = (await endpoint.create(name="Load", params=HALF, connectionKey=HALF, **SHOWN)).body["task"]
        assert {name: made[name] for name in (*SHOWN, "params")} == {**SHOWN, "params": HALF}
        completed = await endpoint.complete(made["id"], {"output": '"\ud83d"', "properties": SHOWN["properties"]})
        assert completed.body["output"] == "\ud83d"
        assert completed.body["outputProperties"] == SHOWN["properties"]
        own = (await endpoint.api.get(f"/api/runs/{endpoint.run_id}")).body["tasks"][0]
        listed = (await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}?taskdetails=true")).body["tasks"][0]
    assert (own["details"]["description"], own["details"]["connection_key"]) == (HALF, HALF)
    assert (own["output_properties"], listed["icon"]) == (SHOWN["properties"], HALF)


async def test_a_line_of_the_log_keeps_its_halves_of_pairs_and_fails_no_run() -> None:
    async with executing() as endpoint:
        line = {"level": "INFO", "message": HALF, "data": {HALF: HALF}}
        echoed = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/logs", line)
        assert (echoed.status, echoed.body) == (200, line)
        made = await endpoint.create(name="log", icon="log", noop=True, description=HALF)
        assert made.body["task"]["description"] == HALF
        logs = (await endpoint.api.get(f"/api/runs/{endpoint.run_id}")).body["logs"]
    assert [log["details"]["description"] for log in logs] == [HALF, HALF]


async def test_a_cache_key_is_shown_with_a_replacement_character_and_is_itself_another() -> None:
    async with executing() as endpoint:
        shown = [(await endpoint.create(key, displayKey=HALF)).body["task"]["id"] for key in (KEY, OTHER)]
        tasks = (await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}")).body["tasks"]
    assert [(task["id"], task["displayKey"]) for task in tasks] == [(id, "cut \ufffd") for id in shown]


async def test_what_a_task_failed_with_is_stored_with_replacement_characters() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        error = {"message": HALF, "name": "Error", "stack": HALF}
        failed = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks/{task_id}/fail", {"error": error})
    assert (failed.status, failed.body["status"]) == (200, "ERRORED")
    assert failed.body["output"] == {"message": "cut \ufffd", "name": "Error", "stack": "cut \ufffd"}


async def test_whole_characters_come_back_beside_halves_of_pairs() -> None:
    async with executing() as endpoint:
        body = {"event": {"name": OK, "id": OK, "payload": {HALF: HALF}, "context": [HALF]}}
        sent = await endpoint.api.post("/api/v1/events", body)
        assert {name: sent.body[name] for name in body["event"]} == body["event"]
        label = await endpoint.api.put(
            f"/api/v1/runs/{endpoint.run_id}/statuses/s", {"label": OK, "data": {"cut": HALF}}
        )
        assert (label.status, label.body["label"], label.body["data"]) == (200, OK, {"cut": HALF})
        made = await endpoint.create(name=OK, description=f"{OK}{HALF}", params=HALF)
        assert (made.body["task"]["name"], made.body["task"]["description"]) == (OK, f"{OK}{HALF}")


@pytest.mark.parametrize("cut", ["%ED%A0%BD", "%FF", "%C3"])
async def test_a_query_that_is_no_text_is_refused_and_looks_for_no_other_one(cut: str) -> None:
    async with serving() as api:
        await api.post("/api/v1/events", {"event": {"name": "a\ufffd"}})
        for path in (f"/api/events?name=a{cut}", f"/api/events?take=1&cursor=a{cut}", f"/api/runs?status=a{cut}"):
            answer = await api.get(path)
            assert (answer.status, answer.code) == (400, "invalid_encoding")
        found = await api.get("/api/events?name=a%EF%BF%BD")
    assert [event["name"] for event in found.body["events"]] == ["a\ufffd"]


async def test_an_app_in_python_writes_what_is_shown_of_its_tasks_with_halves_of_pairs_for_any_platform() -> None:
    async with executing() as endpoint:
        link = WireLink(endpoint.api.node.url, API_KEY)
        routes = TaskRoutes(link, WireCalls(link, "shop"))
        run = WireExecution(
            endpoint.run_id, 1, limit_ms=None, noops=None, epoch=None, is_native=False, has_all=False,
            monotonic=time.monotonic,
        )  # fmt: skip
        shown = JsonText(dump({"description": HALF, "properties": SHOWN["properties"]}))
        now = datetime.now(UTC)
        record = TaskRecord("task_1", KEY, None, "run_task", "Load", TaskStatus.RUNNING, now, details=shown)
        made = await routes.create(run, record)
        properties = JsonText(dump(SHOWN["properties"]))
        await routes.complete(run, replace(record, id=made.id, output_properties=properties), JsonText("1"))
        await link.close()
        task = (await endpoint.api.get(f"/api/runs/{endpoint.run_id}")).body["tasks"][0]
    assert (task["details"]["description"], task["details"]["properties"]) == (HALF, SHOWN["properties"])
    assert (task["output_properties"], task["status"]) == (SHOWN["properties"], "COMPLETED")
