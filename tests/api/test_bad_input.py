"""What does not fit is answered as the page on bad input says, and nothing of it is stored."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import JsonText, TaskRecord
from perdure.protocol.remote_requests import split_params
from perdure.protocol.task_waits import Operation
from tests.api.client import ApiClient, serving
from tests.api.test_task_batches import executing, record, waiting
from tests.api.undoable import UNDOABLE

EVENTS, BULK, STORE = "/api/v1/events", "/api/v1/events/bulk", "/api/v1/store/"
ERRORS = {
    "blocked_address": "BlockedAddressError",
    "invalid_argument": "InvalidArgumentError",
    "invalid_filter": "InvalidFilterError",
    "invalid_header": "InvalidHeaderError",
    "invalid_url": "InvalidUrlError",
}
HALF = b'{"event":{"name":"n","id":"\\ud800"}}'


def _event(**members: Any) -> dict[str, Any]:
    return {"event": {"name": "n", **members}}


def _options(**members: Any) -> dict[str, Any]:
    return {"event": {"name": "n"}, "options": members}


BAD_EVENTS: list[tuple[Any, int, str, list[Any] | None]] = [
    (b'{"event":', 400, "invalid_json", None),
    (b"", 400, "invalid_json", None),
    (b"\xff\xfe", 400, "invalid_encoding", None),
    (b"[" * 100_000, 400, "json_too_deep", None),
    (b'{"event":{"name":"n","payload":NaN}}', 400, "invalid_json", None),
    (b'{"event":{"name":"n","payload":1e400}}', 400, "number_out_of_range", None),
    (b'{"event":{"name":"n","payload":' + b"9" * 5000 + b"}}", 400, "number_out_of_range", None),
    (b'{"event":{"name":"n","id":"a","id":"b"}}', 400, "duplicate_key", None),
    (_event(name="a\x00"), 422, "invalid_field", ["event", "name"]),
    (_event(name="a\r\n"), 422, "invalid_field", ["event", "name"]),
    ({"event": {}}, 422, "invalid_field", ["event", "name"]),
    ({}, 422, "invalid_field", ["event"]),
    (_event(payloadType="FORM"), 422, "invalid_field", ["event", "payloadType"]),
    (_options(deliverAfter=5, deliverAt="2030-01-01"), 422, "conflicting_fields", ["options", "deliverAfter"]),
    (_event(name=""), 422, "invalid_field", ["event", "name"]),
    (_event(name="a" * 513), 422, "invalid_field", ["event", "name"]),
    (_event(id="a" * 1001), 422, "invalid_field", ["event", "id"]),
    (HALF, 422, "invalid_field", ["event", "id"]),
    (_event(payload="a" * 512 * 1024), 413, "payload_too_large", None),
    (_options(deliverAt="yesterday"), 422, "invalid_field", ["options", "deliverAt"]),
    (_options(deliverAt=9999999999999), 422, "invalid_field", ["options", "deliverAt"]),
    (_options(deliverAt="300000-01-01T00:00:00.000Z"), 422, "invalid_field", ["options", "deliverAt"]),
    (_options(deliverAfter=-5), 422, "invalid_field", ["options", "deliverAfter"]),
    (_options(deliverAfter=1e308), 422, "invalid_field", ["options", "deliverAfter"]),
    (_options(deliverAfter="5"), 422, "invalid_field", ["options", "deliverAfter"]),
    (_options(deliverAfter=5, deliverAt="2030-01-01T00:00:00.000Z"), 422, "conflicting_fields", None),
]


async def _send(api: ApiClient, body: Any, path: str = EVENTS) -> Any:
    if isinstance(body, bytes):
        return await api.ask("POST", path, body=body, headers={"Content-Type": "application/json"})
    return await api.post(path, body)


async def test_an_event_that_does_not_fit_is_refused_at_its_place() -> None:
    async with serving() as api:
        for body, status, code, path in BAD_EVENTS:
            answer = await _send(api, body)
            assert (answer.status, answer.code) == (status, code), (body, answer)
            assert {"error", "code", "request_id"} <= set(answer.body)
            assert path is None or answer.body["issues"][0]["path"] == path, answer
        events = [{"name": "n"}] * 9
        answer = await _send(api, {"events": [*events, {"name": ""}]}, BULK)
        assert (answer.status, answer.body["issues"][0]["path"]) == (422, ["events", 9, "name"])
        assert (await _send(api, {"events": [{"name": "n"}] * 1001}, BULK)).code == "invalid_field"
        assert (await api.get("/api/events")).body["events"] == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b"18446744073709551616", 2**64), (b'"a\\u0000b"', "a\x00b"), (b'"\\ud800"', "\ud800")],
)
async def test_a_payload_comes_back_as_it_was(payload: bytes, expected: object) -> None:
    async with serving() as api:
        sent = await _send(api, b'{"event":{"name":"n","id":"e","payload":' + payload + b"}}")
        found = await api.get("/api/events/e")
    assert (sent.status, sent.body["payload"], found.body["event"]["payload"]) == (200, expected, expected)


def _fetch(number: int, params: Any) -> TaskRecord:
    secrets = None
    with suppress(InvalidArgumentError):
        params, secrets = split_params(params)
    text = JsonText(json.dumps(params))
    operation = "background_poll" if "responseFilter" in params else "background_fetch"
    return waiting(number, Operation(secrets), operation=operation, name=f"fetch {number}", params=text)


async def test_what_an_app_of_perdures_stores_is_refused_thing_by_thing() -> None:
    async with executing() as sender:
        first = sender.item(record(1))
        items = [first, first, sender.item(record(1, "2")), sender.item(record(1, operation="wait"))]
        assert await sender.codes(*items) == [None, None, "already_completed", "idempotency_conflict"]

        fetches = [sender.item(_fetch(number + 10, params)) for number, (params, _) in enumerate(UNDOABLE)]
        assert await sender.codes(*fetches) == [None] * len(fetches)
        stored = (await sender.api.get(f"/api/runs/{sender.run}?subtasks=true&take=50")).body["tasks"]
        failed = {task["name"]: task for task in stored if task["name"].startswith("fetch")}
        for number, (params, code) in enumerate(UNDOABLE):
            task = failed[f"fetch {number + 10}"]
            assert task["status"] == "ERRORED", (params, task)
            assert code is None or ERRORS[code] == task["error"]["name"], (params, task)

        assert (await sender.api.post(f"/api/runs/{sender.run}/cancel")).status == 200
        assert await sender.codes(first, sender.item(record(2))) == ["run_not_active"] * 2


async def test_a_value_that_does_not_fit_is_refused() -> None:
    async with serving() as api:
        for key in ("%2e%2e", "%00", "a" * 513):
            answer = await api.ask("PUT", f"{STORE}{key}", body=b"1", headers={"Content-Type": "text/plain"})
            assert (answer.status, answer.code) == (422, "invalid_key")
        large = '"{}"'.format("€" * 100_000).encode()
        answer = await api.ask("PUT", f"{STORE}k", body=large, headers={"Content-Type": "text/plain"})
        assert (answer.status, answer.code) == (413, "value_too_large")
        assert answer.body["error"] == "Max request body size exceeded: 262144 bytes"
        assert (await api.get(f"{STORE}k")).body == {"action": "GET", "key": "k"}
