"""Events over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import serving


async def test_events_are_sent_and_start_runs() -> None:
    async with serving() as api:
        sent = await api.post("/api/events", {"events": [{"name": "greets", "payload": {"who": "a"}, "id": "e/1 ?"}]})
        assert sent.status == 200, sent.body
        (event,) = sent.body
        assert (event["id"], event["name"], event["payload"]) == ("e/1 ?", "greets", {"who": "a"})
        assert event["cancelled_at"] is None
        assert event["timestamp"].endswith("Z")
        assert len(event["timestamp"]) == len("2026-01-01T00:00:00.000Z")

        found = await api.get("/api/events/e%2F1%20%3F")
        assert found.body["event"] == event
        (run,) = found.body["runs"]
        assert run["job_id"] == "greets"
        ended = await api.get(f"/api/runs/{run['id']}/end?timeout=10")
        assert (ended.body["status"], ended.body["output"]) == ("SUCCESS", {"text": "hello"})


async def test_numbers_of_a_payload_keep_every_digit() -> None:
    async with serving() as api:
        payload = b'{"big":18446744073709551616,"half":"\\ud800","nul":"\\u0000"}'
        text = b'{"events":[{"name":"x","id":"e","payload":%s}]}' % payload
        assert (await api.send("POST", "/api/events", text)).status == 200
        stored = (await api.get("/api/events/e")).body["event"]["payload"]
    assert stored == {"big": 2**64, "half": "\ud800", "nul": "\0"}


BAD: list[tuple[bytes, int, str]] = [
    (b"", 400, "invalid_json"),
    (b'{"events":', 400, "invalid_json"),
    (b"\xff\xfe", 400, "invalid_encoding"),
    (b"[" * 100_000, 400, "json_too_deep"),
    (b'{"events":[{"name":"x","payload":' + b"[" * 65 + b"]" * 65 + b"}]}", 400, "json_too_deep"),
    (b'{"events":[{"name":"x","payload":NaN}]}', 400, "invalid_json"),
    (b'{"events":[{"name":"x","payload":1e400}]}', 400, "number_out_of_range"),
    (b'{"events":[{"name":"x","payload":' + b"9" * 5000 + b"}]}", 400, "number_out_of_range"),
    (b'{"events":[{"name":"x","name":"y"}]}', 400, "duplicate_key"),
    (b"[]", 422, "invalid_field"),
    (b'{"events":[{"name":1}]}', 422, "invalid_field"),
    (b'{"events":[{}]}', 422, "invalid_field"),
    (b'{"events":[{"name":"x","nmae":"y"}]}', 422, "invalid_field"),
    (b'{"events":[{"name":"x","id":"\\ud800"}]}', 422, "invalid_field"),
    (b'{"events":[{"name":"x","timestamp":"yesterday"}]}', 422, "invalid_field"),
    (b'{"events":[{"name":"x"}],"options":{"deliver_after":"5"}}', 422, "invalid_field"),
    (b'{"events":[{"name":"x"}],"options":{"deliver_after":-5}}', 422, "invalid_argument"),
    (b'{"events":[{"name":"x"}],"options":{"deliver_after":1e308}}', 422, "invalid_argument"),
    (b'{"events":[{"name":"x\\n"}]}', 422, "invalid_argument"),
    (b'{"events":[{"name":"' + b"x" * 513 + b'"}]}', 422, "invalid_argument"),
    (b'{"events":[{"name":"x","id":"' + b"x" * 1001 + b'"}]}', 422, "invalid_argument"),
    (b'{"events":[{"name":"x","payload":"' + b"x" * (512 * 1024 - 1) + b'"}]}', 413, "value_too_large"),
    (b'{"events":[' + b'{"name":"x"},' * 1000 + b'{"name":"x"}]}', 422, "invalid_argument"),
    (b'{"events":[{"name":"good"},{"name":""}]}', 422, "invalid_argument"),
    (b" " * (4 * 1024 * 1024 + 1), 413, "payload_too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD, ids=range(len(BAD)))
async def test_events_that_cannot_be_stored_are_refused_together(body: bytes, status: int, code: str) -> None:
    async with serving() as api:
        answer = await api.send("POST", "/api/events", body)
        assert (answer.status, answer.code) == (status, code), answer.body
        assert answer.body["request_id"] == answer.headers["x-request-id"]
        assert (await api.get("/api/events")).body == {"events": [], "next_cursor": None}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_body_that_says_it_is_no_json_is_refused(kind: str) -> None:
    async with serving() as api:
        answer = await api.ask("POST", "/api/events", body=b'{"events":[]}', headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_an_event_is_cancelled_once_and_not_after_its_delivery() -> None:
    later: dict[str, Any] = {"events": [{"name": "x", "id": "later"}], "options": {"deliver_after": 60}}
    async with serving() as api:
        await api.post("/api/events", later)
        await api.post("/api/events", {"events": [{"name": "x", "id": "now"}]})
        pending = (await api.get("/api/events?pending=true")).body["events"]
        assert [event["id"] for event in pending] == ["later"]
        cancelled = await api.post("/api/events/later/cancel")
        assert cancelled.body["cancelled_at"] is not None
        again = await api.post("/api/events/later/cancel")
        late = await api.post("/api/events/now/cancel")
        unknown = await api.post("/api/events/none/cancel")
        assert again.body == cancelled.body
    assert (late.status, late.code) == (409, "already_delivered")
    assert (unknown.status, unknown.code) == (404, "not_found")


async def test_events_are_listed_page_by_page_newest_first() -> None:
    async with serving() as api:
        for number in range(5):
            await api.post("/api/events", {"events": [{"name": f"n{number % 2}", "id": str(number)}]})
        await api.post("/api/jobs/greets/invoke")
        first = (await api.get("/api/events?take=2")).body
        second = (await api.get(f"/api/events?take=3&cursor={first['next_cursor']}")).body
        assert [event["id"] for event in first["events"] + second["events"]] == ["4", "3", "2", "1", "0"]
        assert second["next_cursor"] is None
        named = (await api.get("/api/events?name=n1")).body
        assert [event["id"] for event in named["events"]] == ["3", "1"]
        everything = (await api.get("/api/events?internal=true")).body
        assert [event["name"] for event in everything["events"]][:2] == ["invoke", "n0"]


@pytest.mark.parametrize(
    "query",
    [
        "take=0",
        "take=51",
        "take=x",
        "take=1&take=2",
        "cursor=x",
        "cursor=-1",
        "nmae=x",
        "pending=7",
        "cursor=99999999999999999999",
    ],
)
async def test_a_query_that_does_not_fit_is_refused(query: str) -> None:
    async with serving() as api:
        answer = await api.get(f"/api/events?{query}")
    assert answer.status == 422, answer.body
