"""A server has several environments: a key opens one of them, and the server's own user makes keys."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from perdure.api import streams
from perdure.api.app import all_routes
from perdure.api.routes import Route
from perdure.engine.clock import SystemClock
from perdure.errors import InvalidArgumentError
from perdure.protocol.api_keys import is_made_key
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.server.embedded import start_embedded
from tests.api.client import ApiClient, greets, serving
from tests.api.test_environments import LISTS, app, fill
from tests.engine.app import Execution, ScriptedApp
from tests.engine.ticking import until

DEV, PROD = "tr_dev_given0given0given", "tr_prod_given0given0given"
PUBLIC = "pk_prod_given0given0given"

REGISTRATION: dict[str, Any] = {
    "rule": {"event": "e", "source": "s"},
    "source": {
        "version": "2", "channel": "HTTP", "key": "k", "options": {},
        "integration": {"id": "i", "metadata": {"id": "i", "name": "I"}, "authSource": "LOCAL"},
    },
}  # fmt: skip
BODIES: dict[str, Any] = {
    "/api/v1/runs/{run_id}/logs": {"level": "INFO", "message": "m"},
    "/api/events": {"events": [{"name": "n"}]},
    "/api/prune": {"older_than": 0},
    "/api/runs/{run_id}/statuses/{key}": {"state": "failure"},
    "/api/schedules/{dynamic_id}/registrations": {"key": "k", "timing": {"type": "interval", "seconds": 60}},
    "/api/endpoints": {"id": "app", "url": "http://169.254.169.254/"},
    "/api/connections": {"integration": "slack", "access_token": "token"},
    "/api/v1/accounts/{account_id}/connections/{integration_id}": {"accessToken": "token", "type": "oauth2"},
    "/api/v1/endpoints": {"id": "app", "url": "http://169.254.169.254/"},
    "/api/v1/events": {"event": {"name": "n"}},
    "/api/v1/events/bulk": {"events": [{"name": "n"}]},
    "/api/v1/runs/{run_id}/tasks": {"idempotencyKey": "a" * 64},
    "/api/v1/runs/{run_id}/tasks/{task_id}/complete": {"output": "1"},
    "/api/v1/runs/{run_id}/tasks/{task_id}/fail": {"error": {"message": "no"}},
    "/api/v1/{endpoint_id}/schedules/{dynamic_id}/registrations": {
        "id": "k", "type": "interval", "options": {"seconds": 60},
    },
    "/api/v2/{endpoint_id}/sources/{key}": {},
    "/api/v1/{endpoint_id}/sources/{key}": {"registeredEvents": []},
    "/api/v1/webhooks/{key}": {"active": False},
    "/api/v2/{endpoint_id}/triggers/{trigger_id}/registrations/{key}": REGISTRATION,
    "/api/v1/{endpoint_id}/triggers/{trigger_id}/registrations/{key}": REGISTRATION,
    "/api/v1/{endpoint_id}/triggers/{trigger_id}/registrations": {"id": "k", "params": {}},
}  # fmt: skip
OWN = {
    "GET /api/store/{key}", "PUT /api/store/{key}", "DELETE /api/store/{key}", "GET /api/v1/store/{key}",
    "PUT /api/v1/store/{key}", "DELETE /api/v1/store/{key}", "GET /api/v1/jobs/{job_id}/runs",
    "GET /api/jobs/{job_id}/runs", "POST /api/v1/event-dispatchers/ephemeral",
    "GET /api/workers/{endpoint_id}/calls", "POST /api/workers/{endpoint_id}/answers",
    "POST /api/workers/{endpoint_id}/beats", "POST /api/v1/accounts/{account_id}/connections/{integration_id}",
    "GET /api/v1/{endpoint_id}/auth/{integration_id}",
}  # fmt: skip
"""What names nothing of somebody else: whoever asks has a store, connections and workers of his own, and may name any
job."""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_API_KEY", DEV)
    monkeypatch.setenv("PERDURE_PROD_API_KEY", PROD)
    monkeypatch.setenv("PERDURE_PROD_PUBLIC_KEY", PUBLIC)


def nobody() -> ScriptedApp:
    return ScriptedApp(SystemClock())


async def state_of(api: ApiClient) -> list[Any]:
    return [(await api.get(path)).body for path in LISTS]


async def ask(api: ApiClient, route: Route, path: str) -> Any:
    body = BODIES.get(route.path, {} if route.body is not None else None)
    data = None if body is None else json.dumps(body).encode()
    if route.method == "PUT" and "store" in route.path:
        data = b"2"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "a" * 64}
    return await api.ask(route.method, path, body=data, headers=headers)


@pytest.mark.parametrize("kind", ["private", "public"])
async def test_a_key_of_another_environment_sees_and_changes_nothing_on_any_route(kind: str) -> None:
    async with serving(app(), serves_all=True) as owner:
        dev = owner.with_key(DEV)
        left = await fill(dev)
        task_id = (await dev.get(f"/api/runs/{left['greeted']}")).body["tasks"][0]["id"]
        key_id = (await owner.post("/api/keys")).body["id"]
        mine = {"integration": "slack", "access_token": "hello, Slack"}
        connection_id = (await dev.put("/api/connections", mine)).body["id"]
        before, keys = await state_of(dev), (await owner.get("/api/keys")).body
        parts = {
            "run_id": left["napping"], "event_id": "e", "job_id": "naps", "key": "k", "dynamic_id": "daily",
            "task_id": task_id, "endpoint_id": "app", "key_id": key_id, "index_id": "index_1", "trigger_id": "t",
            "account_id": "ada", "integration_id": "slack", "connection_id": connection_id,
        }  # fmt: skip
        foreign = owner.with_key(PROD if kind == "private" else PUBLIC)
        for route in all_routes():
            name = f"{route.method} {route.path}"
            if route.is_open or name == "GET /api/runs/changes":
                continue
            answer = await ask(foreign, route, re.sub(r"{(\w+)}", lambda part: parts[part[1]], route.path))
            assert answer.status < 500 or answer.code == "no_tunnels", (name, answer)
            assert not any(one in json.dumps(answer.body) for one in ("hello", key_id, task_id)), (name, answer)
            if "{" in route.path and name not in OWN and not route.is_for_owner:
                # The protocol has a 400 for schedules and sources that are not there (sections 4.6 and 4.8).
                unseen = 400 if re.search(r"/{endpoint_id}/(schedules|sources)/", route.path) else 404
                allowed = {unseen} if kind == "private" or route.allows_public else {403}
                assert answer.status in allowed, (name, answer)
        assert await state_of(dev) == before
        assert (await owner.get("/api/keys")).body == keys
        assert (await owner.with_key(PROD).get("/api/runs")).body["runs"] == []


async def test_a_key_lets_no_task_of_another_environment_wait_for_an_event_of_its_own() -> None:
    async with serving(app(), serves_all=True) as owner:
        run_id = (await fill(owner.with_key(DEV)))["napping"]
        task_id = (await owner.get(f"/api/runs/{run_id}")).body["tasks"][0]["id"]
        body = {"url": owner.node.engine.callbacks.url(task_id), "name": "n"}
        path = "/api/v1/event-dispatchers/ephemeral"
        assert (await owner.with_key(DEV).post(path, body)).status == 200
        assert (await owner.with_key(PROD).post(path, body)).code == "invalid_field"


async def test_each_environment_of_a_server_has_runs_ticks_and_events_of_its_own() -> None:
    async with serving(app(), serves_all=True) as owner:
        node = owner.node
        prod = ScriptedApp(SystemClock(), endpoint_id="prod-app")
        prod.job("greets", greets)
        there = node.engine.environments.named("prod")
        prod.platform = there.desk
        await node.engine.add(prod, environment_no=there.number)
        for key, slug in ((DEV, "dev"), (PROD, "prod")):
            api = owner.with_key(key)
            sent = await api.post("/api/events", {"events": [{"name": "greets", "id": "same"}]})
            assert sent.status == 200
            run_id = (await api.get("/api/events/same")).body["runs"][0]["id"]
            assert (await api.get(f"/api/runs/{run_id}/end")).body["status"] == "SUCCESS"
            assert (await api.get("/api/node")).body["environment"] == slug
        assert prod.executions[0].request.tenant.environment.slug == "prod"
        assert len((await owner.with_key(PROD).get("/api/runs")).body["runs"]) == 1


async def test_the_owner_names_the_environment_and_others_may_not_name_another() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        for slug in ("dev", "prod"):
            answer = await owner.get("/api/node", **{"Perdure-Environment": slug})
            assert answer.body["environment"] == slug
        assert (await owner.get("/api/node", **{"Perdure-Environment": "stg"})).status == 404
        refused = await owner.with_key(PROD).get("/api/node", **{"Perdure-Environment": "dev"})
        assert (refused.status, refused.code) == (403, "wrong_environment")
        assert (await owner.with_key(PROD).get("/api/node", **{"Perdure-Environment": "prod"})).status == 200


async def test_only_the_owner_makes_environments_and_keys() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        for route in all_routes():
            if route.is_for_owner:
                path = route.path.replace("{key_id}", "PERDURE_API_KEY")
                assert (await ask(owner.with_key(DEV), route, path)).code == "owner_only", route.path
        assert [one["slug"] for one in (await owner.with_key(PROD).get("/api/environments")).body] == ["prod"]
        assert [one["slug"] for one in (await owner.get("/api/environments")).body] == ["dev", "prod"]


async def test_an_environment_is_served_from_the_moment_it_is_made_and_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    async with serving(nobody(), serves_all=True, url=url) as owner:
        made = await owner.post("/api/environments", {"slug": "qa", "type": "STAGING"})
        assert (made.status, made.body["type"]) == (200, "STAGING")
        assert (await owner.post("/api/environments", {"slug": "qa"})).body == made.body
        key = (await owner.post("/api/keys", **{"Perdure-Environment": "qa"})).body["key"]
        assert key.startswith("tr_qa_")
        await owner.with_key(key).send("PUT", "/api/store/a", b"1")
    async with serving(nobody(), serves_all=True, url=url) as owner:
        assert (await owner.with_key(key).get("/api/store/a")).body == 1
        assert (await owner.with_key(DEV).get("/api/store/a")).status == 404


@pytest.mark.parametrize(
    "body", [{"slug": "qa"}, {"slug": "Q"}, {"slug": ""}, {"slug": "a" * 21, "type": "STAGING"},
             {"slug": "prod", "type": "STAGING"}]
)  # fmt: skip
async def test_what_is_no_environment_is_not_made(body: Any) -> None:
    async with serving(nobody(), serves_all=True) as owner:
        answer = await owner.post("/api/environments", body)
        assert (answer.status, answer.code) == (422, "invalid_argument")
        assert len((await owner.get("/api/environments")).body) == 2


async def test_a_made_key_opens_its_environment_until_it_is_revoked() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        made = (await owner.post("/api/keys")).body
        key = made["key"]
        assert is_made_key(key)
        assert re.fullmatch("tr_[a-z]+_[a-zA-Z0-9]+", key)
        api = owner.with_key(key)
        assert (await api.get("/api/node")).body["environment"] == "dev"
        shown = {one["id"]: one for one in (await owner.get("/api/keys")).body}
        assert set(shown) == {"PERDURE_API_KEY", made["id"]}
        assert shown[made["id"]]["last_four"] == key[-4:]
        assert key not in json.dumps(list(shown.values()))

        assert (await owner.delete(f"/api/keys/{made['id']}")).status == 200
        assert (await api.get("/api/node")).code == "invalid_api_key"
        assert (await owner.delete(f"/api/keys/{made['id']}")).status == 404


async def test_a_key_that_takes_the_place_of_another_is_valid_beside_it_for_a_while() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        first = (await owner.post("/api/keys")).body
        second = (await owner.post(f"/api/keys/{first['id']}/rotate", {"overlap": 3600})).body
        for key in (first["key"], second["key"]):
            assert (await owner.with_key(key).get("/api/node")).status == 200
        third = (await owner.post(f"/api/keys/{second['id']}/rotate")).body
        assert (await owner.with_key(second["key"]).get("/api/node")).status == 401
        assert (await owner.with_key(third["key"]).get("/api/node")).status == 200
        assert (await owner.post(f"/api/keys/{third['id']}/rotate", {"overlap": 86401})).status == 422
        assert (await owner.post("/api/keys/PERDURE_API_KEY/rotate")).status == 422
        assert (await owner.post("/api/keys/key_1/rotate")).status == 404


async def test_a_public_key_opens_what_pages_in_browsers_may_look_up() -> None:
    async with serving(app(), serves_all=True) as owner:
        run_id = (await fill(owner.with_key(DEV)))["greeted"]
        key = (await owner.post("/api/keys", {"is_public": True})).body["key"]
        assert key.startswith("pk_dev_")
        public = owner.with_key(key)
        assert (await public.get(f"/api/v2/runs/{run_id}")).body["output"] == {"text": "hello"}
        assert (await public.get("/api/runs")).code == "public_key_not_allowed"
        assert (await owner.with_key(PUBLIC).get(f"/api/v2/runs/{run_id}")).status == 404


def kept_in(folder: Path) -> bytes:
    """What the database holds, wherever it is now."""
    return b"".join((folder / f"perdure.db{end}").read_bytes() for end in ("", "-wal"))


async def test_no_key_stands_in_the_database_the_log_or_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(app(), serves_all=True, url=f"sqlite:///{tmp_path}/perdure.db") as owner:
        made = [(await owner.post("/api/keys", {"is_public": public})).body["key"] for public in (False, True)]
        secrets = [*made, owner.node.api_key, DEV, PROD]
        said: list[str] = []
        for key in secrets:
            api = owner.with_key(key)
            for path in ("/api/node", "/api/keys", "/api/environments", "/api/endpoints", "/api/v2/runs/run_1", "/x"):
                said.append(json.dumps((await api.get(path)).body))
            said.append(json.dumps((await owner.with_key(key[:-1]).get("/api/runs")).body))
            said.append(json.dumps((await owner.get(f"/api/runs?api_key={key}")).status))
        said += [repr(key) for key in owner.node.engine.keys._by_digest.values()]
        kept = kept_in(tmp_path)
    for key in secrets:
        assert key not in caplog.text
        assert not any(key in text for text in said)
        assert key.encode() not in kept
        assert key[:-6].rpartition("_")[2].encode() not in kept


async def test_one_key_does_not_open_two_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PROD_API_KEY", DEV)
    with pytest.raises(InvalidArgumentError, match="PERDURE_PROD_API_KEY and PERDURE_API_KEY are the same key"):
        await start_embedded(None, database_url="sqlite://", serves_all=True)


@pytest.mark.parametrize("key", ["tr_dev_", "pk_dev_abc", "tr-dev-abc", "tr_dev_a_b"])
async def test_a_variable_that_holds_no_key_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("PERDURE_PROD_API_KEY", key)
    with pytest.raises(InvalidArgumentError, match="PERDURE_PROD_API_KEY is no key") as caught:
        await start_embedded(None, database_url="sqlite://", serves_all=True)
    assert key not in str(caught.value).replace("tr_prod_", "")


@pytest.mark.parametrize("path", ["/api/runs/changes", "/api/workers/shop/calls?worker=w1"])
async def test_a_stream_ends_when_its_key_is_revoked(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.01)
    async with serving(nobody(), serves_all=True) as owner:
        made = (await owner.post("/api/keys")).body
        async with owner.with_key(made["key"]).stream(path) as stream, asyncio.timeout(30):
            await stream.comments(1)
            assert (await owner.delete(f"/api/keys/{made['id']}")).status == 200
            while (event := await stream.next()) is not None and event[0] != "error":
                pass
            assert event is not None
            assert event[1]["code"] == "invalid_api_key"
            assert await stream.next() is None


async def test_what_happens_after_a_key_was_revoked_is_not_told_to_its_stream() -> None:
    async with serving(nobody().job("greets", greets), serves_all=True) as owner, asyncio.timeout(30):
        made = (await owner.post("/api/keys")).body
        async with owner.with_key(made["key"]).stream("/api/runs/changes") as stream:
            await stream.comments(1)
            assert (await owner.delete(f"/api/keys/{made['id']}")).status == 200
            await owner.post("/api/jobs/greets/invoke", {"payload": {"secret": 1}})
            event = await stream.next()
            assert event is not None
            assert (event[0], event[1]["code"]) == ("error", "invalid_api_key")


async def waits_for_enough(execution: Execution) -> ExecutionResult:
    await execution.app.happened("enough")
    return Succeeded(JsonText('"secret"'))


@pytest.mark.parametrize("seconds", [0.01, 60], ids=["while it waits", "before the run ends"])
async def test_whoever_waits_for_the_end_of_a_run_is_not_told_of_it_once_the_key_is_revoked(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", seconds)
    app = ScriptedApp(SystemClock()).job("waits", waits_for_enough)
    async with serving(app, serves_all=True) as owner, asyncio.timeout(30):
        made = (await owner.post("/api/keys")).body
        run_id = (await owner.post("/api/jobs/waits/invoke", {"payload": {}})).body["id"]
        waiting = asyncio.ensure_future(owner.with_key(made["key"]).get(f"/api/runs/{run_id}/end?timeout=60"))
        await until(lambda: run_id in owner.node.engine.hints._awaited)
        assert (await owner.delete(f"/api/keys/{made['id']}")).status == 200
        if seconds > 1:
            app.signal("enough")
        answered = await waiting
        assert (answered.status, answered.body["code"]) == (401, "invalid_api_key")
        app.signal("enough")
