"""Names and ids that apps declare or register: bounded, and what is none spoils nothing else and is not stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from perdure.engine.clock import SystemClock
from tests.api.client import ApiClient, serving
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.engine.app import ScriptedApp

BAD = {
    "empty": "",
    "long": "x" * 1001,
    "huge": "y" * 100_000,
    "nul": "a\0b",
    "line": "a\r\nb",
    "control": "a\x85b",
    "half": "\ud800",
}
RULE = {"event": "pushed", "source": "vendor"}
METADATA = {"id": "vendor", "name": "Vendor"}
LOCAL = {"id": "vendor", "metadata": METADATA, "authSource": "LOCAL"}
SOURCE = {
    "version": "2", "channel": "HTTP", "key": "repo", "params": {}, "options": {"event": ["push"]},
    "integration": LOCAL, "registerSourceJob": {"id": "registers", "version": "1.0.0"},
}  # fmt: skip
ENDPOINT = {
    "id": "hook", "version": "1", "enabled": True, "source": "caller.example",
    "event": {"name": "hook", "title": "Hook", "source": "caller.example", "icon": "webhook"},
}  # fmt: skip


def hosted(id: str) -> dict[str, Any]:
    return {"id": id, "metadata": METADATA, "authSource": "HOSTED"}


def triggered(**rule: Any) -> dict[str, Any]:
    return job("bad", trigger={"type": "static", "title": "t", "rule": {**RULE, **rule}})


DECLARED: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "job": ("jobs", "A job", lambda text: job(text)),
    "version": ("jobs", "A job", lambda text: job("bad", version=text)),
    "event": ("jobs", "A job", lambda text: triggered(event=text)),
    "events": ("jobs", "A job", lambda text: triggered(event=["fine", text])),
    "source of events": ("jobs", "A job", lambda text: triggered(source=text)),
    "dynamic": ("jobs", "A job", lambda text: job("bad", trigger={"type": "dynamic", "id": text})),
    "limit": ("jobs", "A job", lambda text: job("bad", concurrencyLimit={"id": text, "limit": 1})),
    "key of integration": ("jobs", "A job", lambda text: job("bad", integrations={text: hosted("vendor")})),
    "id of integration": ("jobs", "A job", lambda text: job("bad", integrations={"vendor": hosted(text)})),
    "dynamic trigger": ("dynamicTriggers", "A dynamic trigger", lambda text: {"id": text, "jobs": []}),
    "source": ("sources", "A source", lambda text: {**SOURCE, "key": text}),
    "option": ("sources", "A source", lambda text: {**SOURCE, "options": {text: ["push"]}}),
    "value": ("sources", "A source", lambda text: {**SOURCE, "options": {"event": ["push", text]}}),
    "integration of source": ("sources", "A source", lambda text: {**SOURCE, "integration": hosted(text)}),
    "http endpoint": ("httpEndpoints", "An HTTP endpoint", lambda text: {**ENDPOINT, "id": text}),
    "source of requests": ("httpEndpoints", "An HTTP endpoint", lambda text: {**ENDPOINT, "source": text}),
    "name of deliveries": ("httpEndpoints", "An HTTP endpoint", lambda text: {**ENDPOINT, "deliveryId": text}),
}


async def register(api: ApiClient, app: RemoteApp, **declared: list[Any]) -> Any:
    index: dict[str, list[Any]] = {
        "jobs": [], "sources": [], "dynamicTriggers": [], "dynamicSchedules": [], "httpEndpoints": [],
    }  # fmt: skip
    app.says["INDEX_ENDPOINT"] = index | declared
    answer = await api.post("/api/endpoints", {"id": "shop", "url": f"{app.server.origin}/api/trigger"})
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("member", DECLARED)
async def test_what_has_a_name_that_is_none_is_left_out_and_takes_nothing_else_along(member: str) -> None:
    kind, what, make = DECLARED[member]
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        for text in BAD.values():
            declared: dict[str, list[Any]] = {"jobs": [job("good")]}
            declared[kind] = [*declared.get(kind, []), make(text)]
            said = await register(api, app, **declared)
            assert said["job_ids"] == ["good"]
            (warning,) = said["warnings"]
            assert warning.startswith(f"{what} is left out. ")
            assert len(warning) < 400


@pytest.mark.parametrize("member", DECLARED)
async def test_names_of_the_length_that_is_allowed_are_registered(member: str) -> None:
    kind, _, make = DECLARED[member]
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        said = await register(api, app, **{kind: [make("é" * 512)]})
        assert said["warnings"] == []


@pytest.mark.parametrize("kind", BAD)
async def test_the_name_that_pages_show_of_a_job_is_bent(kind: str) -> None:
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        said = await register(api, app, jobs=[job("good", name=BAD[kind])])
        (shown,) = (await api.get("/api/jobs")).body
    assert 1 <= len(shown["name"]) <= 512
    assert shown["name"].isprintable()
    # What half of a pair is read as can be shown.
    assert ["its name is bent" in warning for warning in said["warnings"]] == [True] * (kind != "half")


REGISTERED: dict[str, Callable[[str], dict[str, Any]]] = {
    "event": lambda text: {"rule": {**RULE, "event": text}},
    "events": lambda text: {"rule": {**RULE, "event": ["fine", text]}},
    "source of events": lambda text: {"rule": {**RULE, "source": text}},
    "source": lambda text: {"source": {**SOURCE, "key": text}},
    "option": lambda text: {"source": {**SOURCE, "options": {text: ["push"]}}},
    "value": lambda text: {"source": {**SOURCE, "options": {"event": [text]}}},
    "integration": lambda text: {"source": {**SOURCE, "integration": hosted(text)}},
    "account": lambda text: {"accountId": text},
}


@pytest.mark.parametrize("member", REGISTERED)
async def test_what_is_registered_with_a_trigger_is_refused_with_a_name_that_is_none(member: str) -> None:
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        trigger = {"id": "repos", "jobs": [{"id": "good", "version": "1.0.0"}]}
        await register(
            api, app, jobs=[job("good", trigger={"type": "dynamic", "id": "repos"})], dynamicTriggers=[trigger]
        )
        for version in ("v1", "v2"):
            path = f"/api/{version}/shop/triggers/repos/registrations/key"
            for kind, text in BAD.items():
                bad = {"rule": RULE, "source": SOURCE, **REGISTERED[member](text)}
                answer = await api.send("PUT", path, json.dumps(bad).encode())
                assert (answer.status, answer.code) == (422, "invalid_field"), (kind, answer)
                assert len(answer.body["error"]) < 300
        # Nothing of it is there.
        body = {"registered": True, "options": {"event": ["push"]}}
        known = await api.put(f"/api/v2/shop/sources/{quote('repos:key:repo', safe='')}", body)
        assert known.status == 400


async def test_half_of_a_surrogate_pair_is_no_id_of_an_account_or_a_schedule() -> None:
    half = "\ud800"
    calls = {
        "/api/v1/events": {"event": {"name": "n"}, "options": {"accountId": half}},
        "/api/v1/events/bulk": {"events": [{"name": "n"}], "options": {"accountId": half}},
        "/api/v1/jobs/good/invoke": {"payload": {}, "options": {"accountId": half}},
        "/api/v1/shop/schedules/daily/registrations": {
            "id": half, "type": "interval", "options": {"seconds": 60},
        },
    }  # fmt: skip
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        await register(api, app, jobs=[job("good")], dynamicSchedules=[{"id": "daily", "jobs": []}])
        for path, body in calls.items():
            answer = await api.post(path, body)
            assert (answer.status, answer.code) == (422, "invalid_field"), path


@pytest.mark.parametrize("secret", ["two\nlines", "a\r\nX-Evil: 1", "\0"])
async def test_a_secret_that_no_header_can_have_is_refused_before_requests_are_lost_for_it(secret: str) -> None:
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        await register(api, app, sources=[SOURCE])
        answer = await api.put("/api/v2/shop/sources/repo", {"secret": secret, "options": {"event": ["push"]}})
        assert (answer.status, answer.body["issues"][0]["path"]) == (422, ["secret"])
        assert secret not in answer.body["error"]
        named = await api.put("/api/v2/shop/sources/repo", {"options": {}})
        source = await api.node.engine.own.remote.http_endpoints.intake.find_source(named.body["id"])
        assert source.registered == {}


async def test_what_an_app_says_to_be_registered_beyond_what_was_wanted_is_not_kept() -> None:
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        await register(api, app, sources=[SOURCE])
        path = "/api/v2/shop/sources/repo"
        assert (await api.put(path, {"registered": True, "secret": "s" * 8193, "options": {}})).code == "invalid_field"
        said = await api.put(path, {"registered": True, "options": {}})
        for text in BAD.values():
            said = await api.put(path, {"registered": True, "options": {text: ["push"], "event": [text, "push"]}})
            assert said.status == 200
        source = await api.node.engine.own.remote.http_endpoints.intake.find_source(said.body["id"])
        assert source.registered == {"event": ["push"]}


async def test_a_source_with_options_that_no_event_could_tell_of_is_left_out() -> None:
    options = {"event": [f"{number:064}" for number in range(1025)]}
    large = {**SOURCE, "key": "large", "options": options}
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        said = await register(api, app, jobs=[job("good")], sources=[large, SOURCE])
        assert said["warnings"] == [
            "A source is left out. The options of a source have 65,605 bytes; at most 65,536 are kept."
        ]
        options["event"].pop()
        options["event"].pop()
        assert (await register(api, app, sources=[large]))["warnings"] == []


async def test_a_source_with_params_that_no_request_could_carry_is_left_out() -> None:
    large = {**SOURCE, "key": "large", "params": {"p": "é" * 1400}}
    async with serving(ScriptedApp(SystemClock())) as api, remote_app() as app:
        (warning,) = (await register(api, app, sources=[large, SOURCE]))["warnings"]
        assert warning.startswith("A source is left out. What params source 'large' declares has 8,408 bytes")
        assert (await api.put("/api/v2/shop/sources/repo", {"options": {}})).status == 200
