"""A call may be signed with its key in place of showing it: then it is good once, for a while, and for nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from perdure.protocol.api_keys import digest_of
from perdure.protocol.json_text import dump
from perdure.protocol.signing import SIGNATURE_HEADER, SIGNED_AT_HEADER, SIGNED_ID_HEADER, TOLERANCE_SECONDS
from perdure.transport.seen_requests import SeenRequests
from perdure.transport.signer import Signer
from tests.api.client import KEY, PUBLIC_KEY, Answer, ApiClient, serving

PATH = "/api/v1/events"
BODY = dump({"event": {"name": "order", "payload": {"n": 1}}}).encode()
OTHER_KEY = "tr_dev_other0other0other0"
JSON = {"Content-Type": "application/json"}


def signed(method: str = "POST", target: str = PATH, body: bytes | None = BODY, *, key: str = KEY, ago: int = 0) -> Any:
    """The headers of a signed call."""
    signer = Signer(key, is_signing=True, unix_time=lambda: time.time() - ago)
    return JSON | signer.headers(method, target, body=body, headers=JSON.items())


async def send(api: ApiClient, headers: dict[str, str], *, path: str = PATH, body: bytes = BODY) -> Answer:
    return await api.with_key(None).ask("POST", path, body=body, headers=headers)


async def test_a_signed_call_is_answered_and_does_not_show_the_key() -> None:
    headers = signed()
    assert KEY not in "".join(headers.values())
    async with serving() as api:
        assert (await send(api, headers)).status == 200
        listed = await api.with_key(None).ask(
            "GET", "/api/events?take=1", headers=signed("GET", "/api/events?take=1", None)
        )
    assert [event["name"] for event in listed.body["events"]] == ["order"]


def without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers | {"Idempotency-Key": "another"},
        lambda headers: headers | {"Perdure-Epoch": "7"},
        lambda headers: headers | {SIGNED_ID_HEADER: "msg_another"},
        lambda headers: headers | {SIGNED_ID_HEADER: ""},
        lambda headers: headers | {SIGNED_AT_HEADER: str(int(headers[SIGNED_AT_HEADER]) + 1)},
        lambda headers: headers | {SIGNED_AT_HEADER: "now"},
        lambda headers: headers | {SIGNATURE_HEADER: "v1,"},
        lambda headers: headers | {"Authorization": "Perdure-Signed"},
        lambda headers: headers | {"Authorization": "Perdure-Signed abc"},
        without(SIGNATURE_HEADER),
        without(SIGNED_ID_HEADER),
        without(SIGNED_AT_HEADER),
    ],
)
async def test_a_signature_is_that_of_the_whole_call(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    async with serving() as api:
        answer = await send(api, change(signed()))
        assert answer.status == 401
        assert answer.code in ("invalid_signature", "missing_api_key")
        assert (await api.get("/api/events")).body["events"] == []


async def test_it_is_of_no_use_for_another_call() -> None:
    async with serving() as api:
        for answer in (
            await send(api, signed(), body=BODY.replace(b"order", b"other")),
            await send(api, signed(), path=f"{PATH}?x=1"),
            await send(api, signed(), path=f"{PATH}/bulk"),
            await send(api, signed("PUT")),
            await send(api, signed(key=OTHER_KEY) | {"Authorization": f"Perdure-Signed {digest_of(KEY).hex()}"}),
        ):
            assert (answer.status, answer.code) == (401, "invalid_signature")
        assert (await api.get("/api/events")).body["events"] == []


async def test_a_key_that_nobody_has_opens_nothing() -> None:
    async with serving() as api:
        answer = await send(api, signed(key=OTHER_KEY))
    assert (answer.status, answer.code) == (401, "invalid_api_key")


async def test_a_call_comes_once_but_for_one_that_only_reads() -> None:
    headers, reading = signed(), signed("GET", "/api/events", None)
    async with serving() as api:
        assert (await send(api, headers)).status == 200
        again = await send(api, headers)
        assert (again.status, again.code) == (401, "replayed")
        for _ in range(2):
            assert len((await api.with_key(None).ask("GET", "/api/events", headers=reading)).body["events"]) == 1


@pytest.mark.parametrize("ago", [TOLERANCE_SECONDS + 60, -TOLERANCE_SECONDS - 60])
async def test_a_clock_that_is_wrong_is_told(ago: int) -> None:
    async with serving() as api:
        answer = await send(api, signed(ago=ago))
    assert (answer.status, answer.code) == (401, "invalid_signature")
    assert "Set the clocks of both machines." in answer.body["error"]


async def test_a_signed_call_may_do_what_its_key_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PUBLIC_KEY", PUBLIC_KEY)
    async with serving() as api:
        answer = await send(api, signed(key=PUBLIC_KEY))
        assert (answer.status, answer.code) == (403, "public_key_not_allowed")
        metrics = await api.with_key(None).ask("GET", "/metrics", headers=signed("GET", "/metrics", None))
    assert metrics.status == 401


def test_what_is_forgotten_is_refused() -> None:
    seen = SeenRequests(most=2)
    assert [seen.take(name, at, now=10) for name, at in (("a", 1), ("b", 2), ("c", 3))] == [True, True, True]
    assert [seen.take(name, at, now=10) for name, at in (("a", 1), ("d", 1), ("e", 4))] == [False, False, True]
