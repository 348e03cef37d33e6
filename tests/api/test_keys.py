"""Who may ask: every route looks at the key, and none tells one wrong key from another."""

from __future__ import annotations

import re

import pytest

from perdure.api.app import all_routes
from tests.api.client import KEY, PUBLIC_KEY, serving

CLOSED = [route for route in all_routes() if not route.is_open]
WRONG = ["tr_dev_Aa1Bb2Cc3Dd4Ee5Ff6Gh", "pk_dev_unknown", "x" * 10_000, KEY.upper(), f"{KEY}\t\xe9"]


async def test_without_a_key_no_route_does_anything() -> None:
    async with serving() as api:
        for route in CLOSED:
            answer = await api.with_key(None).ask(route.method, route.path.replace("{", "").replace("}", ""))
            assert (answer.status, answer.code) == (401, "missing_api_key"), route.path
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", f"Basic {KEY}", KEY])
async def test_what_is_no_bearer_token_is_no_key(given: str) -> None:
    async with serving() as api:
        answer = await api.with_key(None).get("/api/runs", Authorization=given)
    assert (answer.status, answer.code) == (401, "missing_api_key")


async def test_wrong_keys_are_answered_alike() -> None:
    async with serving() as api:
        answers = [await api.with_key(key).get("/api/runs") for key in WRONG]
    assert {(answer.status, answer.body["error"], answer.code) for answer in answers} == {
        (401, "Invalid or Missing API key", "invalid_api_key")
    }


async def test_a_key_in_the_query_is_not_looked_at() -> None:
    async with serving() as api:
        answer = await api.with_key(None).get(f"/api/runs?api_key={KEY}")
    assert (answer.status, answer.code) == (401, "missing_api_key")


async def test_the_scheme_may_be_written_in_any_case() -> None:
    async with serving() as api:
        assert (await api.with_key(None).get("/api/runs", Authorization=f"bearer {KEY}")).status == 200


async def test_a_public_key_may_do_nothing_but_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PUBLIC_KEY", PUBLIC_KEY)
    async with serving() as api:
        public = api.with_key(PUBLIC_KEY)
        for route in CLOSED:
            if not route.allows_public:
                answer = await public.ask(route.method, route.path.replace("{", "").replace("}", ""))
                assert (answer.status, answer.code) == (403, "public_key_not_allowed"), route.path


@pytest.mark.parametrize("variable", ["PERDURE_API_KEY", "TRIGGER_API_KEY", None])
async def test_a_node_takes_the_key_of_its_environment_or_makes_one(
    monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    for name in ("PERDURE_API_KEY", "TRIGGER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, KEY)
    async with serving(api_key=None) as api:
        assert re.fullmatch("tr_dev_[a-zA-Z0-9]{20}", api.node.api_key)
        assert (api.node.api_key == KEY) is (variable is not None)
        assert (await api.with_key(api.node.api_key).get("/api/runs")).status == 200
