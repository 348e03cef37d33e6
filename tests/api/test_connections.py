"""Credentials of integrations: how apps and operators store them, who reads them, and what never shows them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.execution import ExecutionResult, Succeeded
from tests.api.client import ApiClient, serving
from tests.api.test_operators import DEV, PROD, PUBLIC, kept_in, keys, nobody
from tests.api.test_runs import invoke
from tests.engine.app import Execution, ScriptedApp

__all__ = ["keys"]
OF_ADA = "/api/v1/accounts/ada/connections/slack"
AUTH = "/api/v1/app/auth/slack"
SECRET = "xoxb-7Q9-secret"
BODY = {"accessToken": SECRET, "type": "oauth2", "scopes": ["chat:write"], "metadata": {"team": "T1"}}


async def posts(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


def app() -> ScriptedApp:
    return ScriptedApp(SystemClock()).job("posts", posts, hosted={"chat": "slack"})


def under(connection_id: str, integration: str = "slack") -> str:
    return f"/api/v1/integrations/{integration}/connections/{connection_id}"


async def test_the_connection_of_an_account_is_stored_read_by_its_id_and_replaced() -> None:
    async with serving(nobody()) as api:
        made = await api.post(OF_ADA, BODY)
        assert (made.status, made.headers["cache-control"]) == (200, "no-store")
        assert {name: made.body[name] for name in ("integrationId", "accountId", "type")} == {
            "integrationId": "slack", "accountId": "ada", "type": "oauth2",
        }  # fmt: skip
        connection_id = made.body["id"]
        read = await api.get(under(connection_id))
        assert (read.status, read.headers["cache-control"]) == (200, "no-store")
        auth = {"type": "oauth2", "accessToken": SECRET, "scopes": ["chat:write"]}
        assert read.body == {"id": connection_id, "auth": auth, "metadata": {"team": "T1"}}

        assert (await api.post(OF_ADA, {"accessToken": "later", "type": "oauth2"})).body["id"] == connection_id
        assert (await api.get(under(connection_id))).body == {
            "id": connection_id, "auth": {"type": "oauth2", "accessToken": "later"},
        }  # fmt: skip
        assert (await api.get(under(connection_id, "github"))).status == 404
        assert (await api.get(under("conn_1"))).status == 404


async def test_the_credential_of_an_integration_is_that_of_runs_without_an_account() -> None:
    async with serving(nobody()) as api:
        assert (await api.get(AUTH)).status == 404
        await api.post(OF_ADA, BODY)
        assert (await api.get(AUTH)).status == 404
        members = {"integration": "slack", "access_token": "of all", "type": "apiKey"}
        await api.put("/api/connections", {**members, "additional_fields": {"team": "T1"}})
        auth = await api.get(AUTH)
        assert auth.body == {"type": "apiKey", "accessToken": "of all", "additionalFields": {"team": "T1"}}


async def test_connections_are_listed_without_their_credentials_and_can_be_erased() -> None:
    async with serving(nobody()) as api:
        made = (await api.post(OF_ADA, BODY)).body
        await api.put("/api/connections", {"integration": "slack", "access_token": SECRET})
        listed = await api.get("/api/connections?take=1")
        (first,) = listed.body["connections"]
        assert {name: first[name] for name in ("id", "integration", "account_id", "type")} == {
            "id": made["id"], "integration": "slack", "account_id": "ada", "type": "oauth2",
        }  # fmt: skip
        rest = (await api.get(f"/api/connections?cursor={listed.body['next_cursor']}")).body
        assert [one["account_id"] for one in rest["connections"]] == [None]
        assert SECRET not in json.dumps([listed.body, rest])

        assert (await api.delete(f"/api/connections/{made['id']}")).body == {"deleted": True}
        assert (await api.delete(f"/api/connections/{made['id']}")).status == 404
        assert (await api.get(under(made["id"]))).status == 404


async def test_a_key_of_another_environment_neither_reads_nor_changes_nor_erases_a_connection() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        dev, prod, public = (owner.with_key(key) for key in (DEV, PROD, PUBLIC))
        ours = (await dev.post(OF_ADA, BODY)).body["id"]
        await dev.put("/api/connections", {"integration": "slack", "access_token": SECRET})
        for foreign, status in ((prod, 404), (public, 403), (owner.with_key(None), 401)):
            for method, path in (("GET", under(ours)), ("GET", AUTH), ("DELETE", f"/api/connections/{ours}")):
                answer = await foreign.ask(method, path)
                assert (answer.status, SECRET in json.dumps(answer.body)) == (status, False), (method, path)
        for refused in (public, owner.with_key(None)):
            assert (await refused.post(OF_ADA, BODY)).status in (401, 403)
        theirs = (await prod.post(OF_ADA, {"accessToken": "theirs", "type": "oauth2"})).body["id"]
        assert theirs != ours
        assert [one["id"] for one in (await prod.get("/api/connections")).body["connections"]] == [theirs]
        assert (await dev.get(under(ours))).body["auth"]["accessToken"] == SECRET


BAD: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 422),
    (b"{}", 422),
    (b'{"type":"oauth2"}', 422),
    (b'{"accessToken":"%s"}' % SECRET.encode(), 422),
    (b'{"accessToken":"%s","type":"apiKey"}' % SECRET.encode(), 422),
    (b'{"accessToken":["%s"],"type":"oauth2"}' % SECRET.encode(), 422),
    (b'{"accessToken":"%s","type":"oauth2","scopes":"all"}' % SECRET.encode(), 422),
    (b'{"accessToken":"","type":"oauth2"}', 422),
    (b'{"accessToken":"%s","type":"oauth2"}' % (b"x" * 70_000), 413),
    (b'{"accessToken":"%s","type":"oauth2"}' % (b"x" * 9_000_000), 413),
    (b'{"accessToken":"%s","type":"oauth2"' % SECRET.encode(), 400),
]


@pytest.mark.parametrize(("body", "status"), BAD, ids=[f"{body[:40]!r}{len(body)}" for body, _ in BAD])
async def test_what_is_no_connection_is_refused_stored_nowhere_and_not_repeated(body: bytes, status: int) -> None:
    async with serving(nobody()) as api:
        refused = await api.send("POST", OF_ADA, body)
        assert (refused.status, set(refused.body) >= {"error", "code", "request_id"}) == (status, True), refused
        assert SECRET not in json.dumps(refused.body)
        assert (await api.get("/api/connections")).body["connections"] == []


@pytest.mark.parametrize(
    "path", ["/api/v1/accounts/a%0Ab/connections/slack", f"/api/v1/accounts/{'a' * 1001}/connections/slack"]
)
async def test_an_account_that_no_event_can_have_has_no_connections(path: str) -> None:
    async with serving(nobody()) as api:
        assert (await api.post(path, BODY)).status == 422


@pytest.mark.parametrize(
    "members", [{}, {"access_token": 1}, {"scope": ["a"]}, {"type": "basic"}, {"additional_fields": {"a": 1}}]
)
async def test_what_is_no_connection_is_refused_on_the_own_route_too(members: dict[str, Any]) -> None:
    body = {"integration": "slack", "access_token": SECRET, **members} if members else {"integration": "slack"}
    async with serving(nobody()) as api:
        refused = await api.put("/api/connections", body)
        assert (refused.status, SECRET in json.dumps(refused.body)) == (422, False)


async def seen_of(api: ApiClient, run_id: str) -> str:
    paths = (
        "/api/runs", f"/api/runs/{run_id}", f"/api/v2/runs/{run_id}?taskdetails=true", "/api/events?internal=true",
        "/api/jobs", "/api/connections", "/api/node", "/api/v1/whoami", "/api/openapi.json",
    )  # fmt: skip
    return "".join([json.dumps((await api.get(path)).body) for path in paths])


async def test_no_credential_stands_in_the_database_the_log_or_what_is_shown_of_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def fails(execution: Execution) -> ExecutionResult:
        # What an app gets may come to stand in the log with whatever goes wrong there.
        raise RuntimeError(f"{execution.request!r}")

    scripted = app().job("fails", fails, hosted={"chat": "slack"})
    async with serving(scripted, url=f"sqlite:///{tmp_path}/perdure.db") as api:
        await api.put("/api/connections", {"integration": "slack", "access_token": SECRET})
        await api.post(OF_ADA, BODY)
        run_id, failing = await invoke(api, "posts"), await invoke(api, "fails")
        assert (await api.get(f"/api/runs/{run_id}/end")).body["status"] == "SUCCESS"
        async with api.stream(f"/api/runs/{failing}/changes") as stream:
            while "RuntimeError" not in json.dumps(said := await stream.next()):
                assert said is not None
        await api.get(AUTH)
        shown = await seen_of(api, run_id) + await seen_of(api, failing)
        kept = kept_in(tmp_path)
    assert scripted.executions[0].request.credentials is not None
    assert scripted.executions[0].request.credentials["chat"].access_token == SECRET
    assert SECRET not in caplog.text + shown
    assert SECRET.encode() not in kept


async def test_a_connection_that_is_stored_by_its_route_lets_a_run_go_on() -> None:
    async with serving(app()) as api:
        options = {"payload": {}, "options": {"accountId": "ada"}}
        run_id = (await api.post("/api/v1/jobs/posts/invoke", options)).body["id"]
        async with api.stream(f"/api/runs/{run_id}/changes") as stream:
            while (said := await stream.next()) is not None and said[1]["status"] != "WAITING_ON_CONNECTIONS":
                assert said[1]["status"] in ("QUEUED", "EXECUTING")
        assert said is not None
        assert said[1]["why"] == "waits for a connection of account 'ada' to 'slack'"
        for path, member in (("v1/runs", "startedAt"), ("v2/runs", "startedAt"), ("runs", "started_at")):
            run = (await api.get(f"/api/{path}/{run_id}")).body
            assert (run["status"], run[member]) == ("WAITING_ON_CONNECTIONS", None), path
        (listed,) = (await api.get("/api/v1/jobs/posts/runs")).body["runs"]
        assert (listed["status"], listed["startedAt"]) == ("WAITING_ON_CONNECTIONS", None)
        await api.post(OF_ADA, BODY)
        ended = (await api.get(f"/api/runs/{run_id}/end")).body
        assert (ended["status"], ended["started_at"] is None) == ("SUCCESS", False)
