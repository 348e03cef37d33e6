"""Events of endpoints of the v2 protocol: how they are sent, and how tasks wait for them and for callbacks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.endpoint import EventTriggerSpec
from perdure.protocol.execution import JsonText
from tests.api.client import serving
from tests.api.executing import Endpoint, done, executing
from tests.engine.app import ScriptedApp


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


def listening() -> ScriptedApp:
    return ScriptedApp(SystemClock()).job("hears", done, EventTriggerSpec(("heard",)))


async def test_a_delivered_event_is_answered_when_it_is_cancelled() -> None:
    async with serving(listening()) as api:
        sent = await api.post("/api/v1/events", {"event": {"name": "heard", "id": "e"}})
        answer = await api.post("/api/v1/events/e/cancel")
        assert (answer.status, answer.body["cancelledAt"], answer.body) == (200, None, sent.body)
        assert answer.body["deliveredAt"] is not None
        assert (await api.post("/api/v1/events/nobody/cancel")).body["error"] == "Event not found"


async def test_v2_clients_are_not_told_that_an_event_was_delivered_which_nothing_matched() -> None:
    async with serving(listening()) as api:
        events = [{"name": name, "id": name} for name in ("heard", "unheard")]
        for _ in range(2):
            single = [(await api.post("/api/v1/events", {"event": event})).body for event in events]
            bulk = (await api.post("/api/v1/events/bulk", {"events": events})).body
            assert [event["deliveredAt"] is None for event in (*single, *bulk)] == [False, True, False, True]
        own = [(await api.post("/api/events", {"events": [event]})).body[0] for event in events]
        listed = (await api.get("/api/events")).body["events"]
        looked_up = (await api.get("/api/events/unheard")).body["event"]
    assert None not in [event["delivered_at"] for event in (*own, *listed, looked_up)]


async def test_an_event_that_was_due_later_and_that_nothing_matched_then_was_not_delivered_for_v2_clients() -> None:
    async with serving(listening()) as api:
        event = {"event": {"name": "unheard", "id": "e"}, "options": {"deliverAfter": 1}}
        assert (await api.post("/api/v1/events", event)).body["deliveredAt"] is None
        async with asyncio.timeout(60):
            while (await api.get("/api/events/e")).body["event"]["delivered_at"] is None:
                continue
        assert (await api.post("/api/v1/events", event)).body["deliveredAt"] is None


async def test_an_event_that_only_ended_a_wait_was_delivered() -> None:
    async with executing() as endpoint:
        made = await endpoint.create(callback={"enabled": True})
        body = {"url": made.body["task"]["callbackUrl"], "name": "n", "filter": {"a": [1]}}
        await endpoint.api.post("/api/v1/event-dispatchers/ephemeral", body)
        unheard = await endpoint.api.post("/api/v1/events", {"event": {"name": "n", "id": "e", "payload": {"a": 2}}})
        heard = await endpoint.api.post("/api/v1/events", {"event": {"name": "n", "payload": {"a": 1}}})
        assert (unheard.body["deliveredAt"], heard.body["deliveredAt"] is None) == (None, False)
        assert (await endpoint.create()).body["task"]["status"] == "COMPLETED"
        again = await endpoint.api.post("/api/v1/events", {"event": {"name": "n", "id": heard.body["id"]}})
        assert again.body["deliveredAt"] is not None


async def test_an_event_that_nothing_matched_is_cancelled_by_a_v2_client_once_and_never_by_the_api() -> None:
    async with serving(listening()) as api:
        await api.post("/api/v1/events", {"event": {"name": "unheard", "id": "e"}})
        refused = await api.post("/api/events/e/cancel")
        assert (refused.status, refused.code) == (409, "already_delivered")
        cancelled = [(await api.post("/api/v1/events/e/cancel")).body for _ in range(2)]
        assert cancelled[0] == cancelled[1]
        assert (cancelled[0]["deliveredAt"], cancelled[0]["cancelledAt"] is None) == (None, False)
        assert (await api.post("/api/v1/events", {"event": {"name": "unheard", "id": "e"}})).body == cancelled[0]
        own = (await api.post("/api/events/e/cancel")).body
        assert (own["delivered_at"], own["cancelled_at"]) == (None, cancelled[0]["cancelledAt"])


async def test_apps_of_perdures_are_told_so_by_the_routes_of_v2_too() -> None:
    async with serving(listening()) as api:
        native = {"Perdure-Version": "0.1.0"}
        sent = await api.post("/api/v1/events", {"event": {"name": "unheard", "id": "e"}}, **native)
        refused = await api.post("/api/v1/events/e/cancel", **native)
        assert sent.body["deliveredAt"] is not None
        assert (refused.status, refused.code) == (409, "already_delivered")


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


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, {}),
        (b"", {}),
        (b" \r\n", {}),
        (b"null", {"output": None}),
        (b"false", {"output": False}),
        (b"0", {"output": 0}),
        (b'""', {"output": ""}),
    ],
    ids=["none", "empty", "blank", "null", "false", "zero", "no text"],
)
async def test_a_callback_without_a_body_completes_its_task_without_output_and_any_json_is_its_output(
    body: bytes | None, said: dict[str, Any]
) -> None:
    async with executing() as endpoint:
        task = (await endpoint.create(callback={"enabled": True})).body["task"]
        answer = await endpoint.api.with_key(None).ask("POST", callback_path(endpoint, task), body=body)
        assert (answer.status, answer.body) == (200, {"success": True})
        done = (await endpoint.create()).body["task"]
    assert done["status"] == "COMPLETED"
    assert {name: value for name, value in done.items() if name == "output"} == said


@pytest.mark.parametrize("body", [b"done", b"{", b"\x00", b"NaN"])
async def test_a_callback_whose_body_is_no_json_is_refused_and_its_task_waits_on(body: bytes) -> None:
    async with executing() as endpoint:
        task = (await endpoint.create(callback={"enabled": True})).body["task"]
        refused = await endpoint.api.with_key(None).ask("POST", callback_path(endpoint, task), body=body)
        assert (refused.status, refused.code) == (400, "invalid_json")
        assert set(refused.body) == {"error", "code", "request_id"}
        assert (await endpoint.create()).body["task"] == task


def callback_path(endpoint: Endpoint, task: Any) -> str:
    """The path under which the npm package's own servers took callbacks, too."""
    token = task["callbackUrl"].rpartition("/")[2]
    return f"/api/v1/runs/{endpoint.run_id}/tasks/{task['id']}/callback/{token}"


async def test_a_callback_that_is_not_enabled_is_none() -> None:
    async with executing() as endpoint:
        made = await endpoint.create(callback={"timeoutInSeconds": 60})
        assert (made.body["task"]["status"], made.body["task"]["callbackUrl"]) == ("RUNNING", None)


async def test_events_are_sent_to_callback_urls_of_this_server_alone() -> None:
    async with serving() as api:
        body = {"url": "https://example.com/api/v1/tasks/task_1/callback/guess", "name": "n"}
        answer = await api.post("/api/v1/event-dispatchers/ephemeral", body)
    assert (answer.status, answer.code) == (422, "invalid_field")


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
