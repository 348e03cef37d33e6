"""What the command line of the v2 packages asks: whom its key belongs to, tunnels, and what came of an indexing."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from perdure.api.app import all_routes
from tests.api.client import serving
from tests.api.test_operators import DEV, PROD, PUBLIC, keys, nobody
from tests.engine.ticking import until
from tests.transport.server import Handler, Received, response
from tests.transport.server import serving as app_serving

__all__ = ["keys"]
PUBLIC_ROUTES = {
    f"/api/{version}/{what}"
    for version in ("v1", "v2")
    for what in ("events/{event_id}", "runs/{run_id}", "runs/{run_id}/statuses")
}
INDEX = {"jobs": [], "sources": [], "dynamicTriggers": [], "dynamicSchedules": []}


def one_after_the_other(answers: list[Any]) -> Handler:
    """Answer with this JSON; a text is where to redirect to."""

    async def answer(_received: Received, writer: asyncio.StreamWriter) -> None:
        said = answers.pop(0)
        if isinstance(said, str):
            writer.write(response(b"", status="308 Moved", headers={"Location": said}))
        else:
            writer.write(response(json.dumps(said).encode()))
        await writer.drain()

    return answer


def test_public_keys_and_pages_of_other_sites_may_ask_exactly_what_hooks_of_browsers_need() -> None:
    assert {route.path for route in all_routes() if route.allows_public} == PUBLIC_ROUTES
    assert {route.path for route in all_routes() if route.has_cors} == PUBLIC_ROUTES | {"/api/v1/jobs/{job_id}/runs"}


async def test_a_key_says_whom_it_belongs_to() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        said = (await owner.with_key(PROD).get("/api/v1/whoami")).body
        assert (said["slug"], said["type"], said["pkApiKey"]) == ("prod", "PRODUCTION", PUBLIC)
        assert said["project"]["slug"] == said["organization"]["slug"] == "default"
        assert all(said[part]["createdAt"] and said[part]["updatedAt"] for part in ("project", "organization"))
        assert PROD not in json.dumps(said)
        assert (await owner.with_key(DEV).get("/api/v1/whoami")).body["pkApiKey"] == ""


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST"])
async def test_whoever_asks_for_a_tunnel_learns_that_there_is_none(method: str) -> None:
    async with serving(nobody(), serves_all=True) as owner:
        assert (await owner.with_key(DEV).ask(method, "/api/v1/tunnels")).status == 501


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/whoami", 401),
        ("POST", "/api/v1/authorization-code", 403),
        ("POST", "/api/v1/token", 403),
    ],
)
async def test_whoever_asks_for_a_personal_access_token_learns_what_there_is_in_its_place(
    method: str, path: str, status: int
) -> None:
    async with serving(nobody(), serves_all=True) as owner:
        for key in (None, DEV, PUBLIC, "tr_pat_" + "a" * 40):
            for body in (None, b'{"authorizationCode":"a"}', b"{", b"x" * 9_000_000):
                if method == "GET" and body is not None:
                    continue
                answer = await owner.with_key(key).send(method, path, body)
                assert (answer.status, answer.code) == (status, "no_personal_tokens")
                assert "`perdure keys create`" in answer.body["error"]


async def test_what_came_of_an_indexing_is_looked_up_by_its_id() -> None:
    async with (
        app_serving(response(json.dumps({"ok": True, **INDEX}).encode())) as app,
        serving(nobody(), serves_all=True) as owner,
    ):
        dev = owner.with_key(DEV)
        made = await dev.post("/api/v1/endpoints", {"id": "app", "url": f"{app.origin}/api/trigger"})
        assert made.status == 200, made
        path = f"/api/v1/endpointindex/{made.body['endpointIndex']['id']}"
        found = (await dev.get(path)).body
        assert (found["status"], found["stats"]["jobs"]) == ("SUCCESS", 0)
        assert found["updatedAt"]
        for index_id in ("index_7", "index_x", "x", "index_" + "9" * 40):
            assert (await dev.get(f"/api/v1/endpointindex/{index_id}")).status == 404
        assert (await owner.with_key(PROD).get(path)).status == 404


async def test_what_is_registered_otherwise_than_declared_is_said_wherever_an_indexing_is_shown() -> None:
    event = {"name": "e", "title": "Event", "source": "trigger.dev", "icon": "i"}
    schedule = {"type": "cron", "options": {"cron": "@reboot"}}
    job = {
        "id": "ticks", "name": "Ticks", "version": "1.0.0", "event": event, "integrations": {}, "enabled": True,
        "trigger": {"type": "scheduled", "schedule": schedule}, "startPosition": "latest", "preprocessRuns": False,
    }  # fmt: skip
    answers = [{"ok": True}, {**INDEX, "jobs": [job]}, INDEX]
    async with app_serving(one_after_the_other(answers)) as app, serving(nobody(), serves_all=True) as owner:
        dev = owner.with_key(DEV)
        made = await dev.post("/api/v1/endpoints", {"id": "app", "url": f"{app.origin}/api/trigger"})
        (warning,) = made.body["endpointIndex"]["warnings"]
        assert warning.startswith("Job 'ticks' is registered without its schedule. The day of the week of the cron")
        path = f"/api/v1/endpointindex/{made.body['endpointIndex']['id']}"
        assert (await dev.get(path)).body["warnings"] == [warning]
        (endpoint,) = (await dev.get("/api/endpoints")).body
        assert (endpoint["job_ids"], endpoint["warnings"]) == (["ticks"], [warning])
        assert "warnings" not in (await dev.post("/api/v1/endpoints/app/index", {})).body
        assert (await dev.get("/api/endpoints")).body[0]["warnings"] == []


async def test_an_indexing_that_fails_is_what_it_came_to() -> None:
    answers = [{"ok": True}, INDEX, {"jobs": "none"}]
    async with app_serving(one_after_the_other(answers)) as app, serving(nobody(), serves_all=True) as owner:
        dev = owner.with_key(DEV)
        made = await dev.post("/api/v1/endpoints", {"id": "app", "url": f"{app.origin}/api/trigger"})
        assert made.body["version"] == "unknown"
        failed = await dev.post("/api/v1/endpoints/app/index", {"reason": "deployed"})
        assert (failed.status, failed.body["status"]) == (200, "FAILURE")
        assert failed.body["id"] == made.body["endpointIndex"]["id"]
        found = (await dev.get(f"/api/v1/endpointindex/{failed.body['id']}")).body
        assert (found["status"], found["error"]["message"]) == ("FAILURE", failed.body["error"]["message"])
        assert (await dev.post("/api/v1/endpoints/nobody/index", {})).status == 404


async def asks_for_the_key(received: Received, writer: asyncio.StreamWriter) -> None:
    """An app, as it is where another leads to."""
    if "x-trigger-api-key" in received.headers:
        writer.write(response(json.dumps({"ok": True, **INDEX}).encode()))
    else:
        missing = b'{"message":"Unauthorized: missing x-trigger-api-key header"}'
        writer.write(response(missing, status="401 Unauthorized"))


async def test_an_app_that_redirects_is_where_it_leads_from_then_on() -> None:
    async with app_serving(asks_for_the_key) as app:
        there = {"Location": f"{app.origin}/api/trigger"}
        async with (
            app_serving(response(b"", status="301 Moved", headers=there)) as old,
            serving(nobody(), serves_all=True) as owner,
        ):
            dev = owner.with_key(DEV)
            made = await dev.post("/api/v1/endpoints", {"id": "app", "url": f"{old.origin}/api/trigger"})
            assert (made.status, made.body["url"]) == (200, there["Location"])
            assert [one.headers["x-trigger-action"] for one in old.requests] == ["PING"]
            assert {one.method for one in app.requests} == {"POST"}
            assert [one.headers.get("x-trigger-api-key") for one in app.requests] == [None, DEV, DEV]
            (endpoint,) = (await dev.get("/api/endpoints")).body
            assert endpoint["url"] == there["Location"]


async def test_an_app_that_moves_is_asked_where_it_has_gone() -> None:
    async with app_serving(asks_for_the_key) as new:
        answers = [{"ok": True}, INDEX, f"{new.origin}/api/trigger"]
        async with app_serving(one_after_the_other(answers)) as app, serving(nobody(), serves_all=True) as owner:
            dev = owner.with_key(DEV)
            await dev.post("/api/v1/endpoints", {"id": "app", "url": f"{app.origin}/api/trigger"})
            await dev.post("/api/v1/endpoints/app/index", {})
            (endpoint,) = (await dev.get("/api/endpoints")).body
            assert endpoint["url"] == f"{new.origin}/api/trigger"


async def test_an_app_that_cannot_be_reached_is_one_that_the_command_line_tries_again() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        refused = await owner.with_key(DEV).post("/api/v1/endpoints", {"id": "app", "url": "http://127.0.0.1:9/"})
    assert refused.status == 400
    assert refused.body["error"].startswith("Could not connect to endpoint http://127.0.0.1:9/")


async def test_a_deploy_hook_has_an_app_asked_anew_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.engine.lookout.HOOK_DELAY", timedelta())
    index = {"ok": True, **INDEX}
    async with (
        app_serving(response(json.dumps(index).encode())) as app,
        serving(nobody(), serves_all=True) as owner,
    ):
        dev, anybody = owner.with_key(DEV), owner.with_key(None)
        made = await dev.post("/api/v1/endpoints", {"id": "my app", "url": f"{app.origin}/api/trigger"})
        (endpoint,) = (await dev.get("/api/endpoints")).body
        path = endpoint["hook"]
        assert path.endswith(made.body["indexingHookIdentifier"])
        asked = len(app.requests)
        for wrong in (f"{path[:-1]}x", path.replace("my%20app", "other"), path.replace("env_", "env_x")):
            assert (await anybody.get(wrong)).status == 404
        assert (await anybody.delete(path)).status == 405
        assert len(app.requests) == asked
        for method in ("GET", "POST"):
            answer = await anybody.ask(method, path)
            assert (answer.status, answer.body, answer.headers["referrer-policy"]) == (200, {"ok": True}, "no-referrer")
        await until(lambda: len(app.requests) > asked)
        assert {one.headers["x-trigger-action"] for one in app.requests[asked:]} == {"INDEX_ENDPOINT"}


async def test_a_key_that_was_used_says_when() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        made = (await owner.post("/api/keys")).body
        assert (await owner.with_key(made["key"]).get("/api/node")).status == 200
        await owner.node.engine.administration.stop()
        shown = {one["id"]: one for one in (await owner.get("/api/keys")).body}
        assert shown[made["id"]]["used_at"] >= made["created_at"]
