"""Idempotency keys of invocations: the v2 protocol has one room for them and for ids of events, the API one per job."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import EventTriggerSpec
from perdure.protocol.task_waits import InvokeRequest
from perdure.transport.wire_calls import WireCalls
from perdure.transport.wire_link import WireLink
from tests.api.client import KEY, ApiClient, serving
from tests.api.executing import done
from tests.api.remote_app import job, remote_app
from tests.api.test_operators import DEV, PROD, keys, nobody
from tests.engine.app import ScriptedApp

__all__ = ["keys"]
V2, OWN = "/api/v1/jobs/{}/invoke", "/api/jobs/{}/invoke"


def jobs() -> ScriptedApp:
    return ScriptedApp(SystemClock()).job("a", done).job("b", done).job("hears", done, EventTriggerSpec(("go",)))


async def invoke(api: ApiClient, job_id: str, key: str | None = "k", payload: Any = 1, **options: Any) -> Any:
    """Invoke a job as a client of the v2 protocol does."""
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await api.post(V2.format(job_id), {"payload": payload, "options": options}, **headers)
    return answer.body["id"] if answer.status == 200 else (answer.status, answer.code)


async def invoke_own(api: ApiClient, job_id: str, key: str = "k", payload: Any = 1) -> Any:
    """Invoke a job by perdure's own API."""
    answer = await api.post(OWN.format(job_id), {"payload": payload, "idempotency_key": key})
    return answer.body["id"] if answer.status == 200 else (answer.status, answer.code)


async def runs(api: ApiClient) -> int:
    return len((await api.get("/api/runs")).body["runs"])


async def test_a_key_that_a_v2_client_uses_again_gives_the_first_run_whatever_job_or_payload_comes_with_it() -> None:
    async with serving(jobs()) as api:
        first = await invoke(api, "a")
        assert await invoke(api, "a", payload={"other": True}) == first
        assert await invoke(api, "b") == first
        assert await invoke(api, "b", "k2") != first
        assert await invoke(api, "b", None) != first
        event = await api.get("/api/v2/events/k")
        assert await runs(api) == 3
    assert (event.body["name"], [run["id"] for run in event.body["runs"]]) == ("invoke", [first])


async def test_invocations_of_v2_clients_that_race_with_one_key_start_one_run() -> None:
    async with serving(jobs()) as api:
        ids = await asyncio.gather(*(invoke(api, job_id, payload=n) for n in range(6) for job_id in ("a", "b")))
        assert len(set(ids)) == 1
        assert await runs(api) == 1


async def test_a_key_that_is_the_id_of_an_event_gives_the_run_that_this_started_first() -> None:
    async with serving(jobs()) as api:
        await api.post("/api/v1/events", {"event": {"name": "go", "id": "k"}})
        (started,) = (await api.get("/api/v2/events/k")).body["runs"]
        assert await invoke(api, "a") == started["id"]
        assert await runs(api) == 1


@pytest.mark.parametrize("options", [{}, {"deliverAfter": 3600}], ids=["delivered to nobody", "ahead"])
async def test_a_key_that_is_the_id_of_an_event_without_a_run_is_refused(options: dict[str, Any]) -> None:
    async with serving(jobs()) as api:
        await api.post("/api/v1/events", {"event": {"name": "unheard", "id": "k"}, "options": options})
        refused = await api.post(V2.format("a"), {}, **{"Idempotency-Key": "k"})
        assert (refused.status, refused.code) == (409, "idempotency_conflict")
        assert "'k'" in refused.body["error"]
        assert await runs(api) == 0


async def test_a_known_key_gives_its_run_though_the_job_is_unknown() -> None:
    async with serving(jobs()) as api:
        first = await invoke(api, "a")
        assert await invoke(api, "gone") == first
        assert await invoke(api, "gone", "k2") == (404, "not_found")


async def test_a_key_is_one_of_its_environment(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_EGRESS_ALLOW", "127.0.0.0/8")
    async with remote_app(job("a")) as app, serving(nobody(), serves_all=True) as owner:
        started: list[str] = []
        for api in (owner.with_key(DEV), owner.with_key(PROD)):
            await app.register(api)
            started.append(await invoke(api, "a"))
        assert len(set(started)) == 2


@pytest.mark.parametrize("key", ["x" * 1001, "a\tb"], ids=["long", "tab"])
async def test_a_key_that_cannot_be_the_id_of_an_event_is_refused(key: str) -> None:
    async with serving(jobs()) as api:
        assert await invoke(api, "a", key) == (422, "invalid_field")
        assert await runs(api) == 0


async def test_who_invokes_with_a_known_key_is_told_of_the_end_of_the_first_run() -> None:
    async with serving(jobs()) as api:
        first = await invoke(api, "a")
        assert await invoke(api, "b", callbackUrl="http://localhost:9/told") == first
        assert await invoke(api, "gone", callbackUrl="http://localhost:9/told") == first


async def test_a_key_of_the_api_is_one_of_its_job_and_meets_no_key_of_v2_clients() -> None:
    async with serving(jobs()) as api:
        own = await asyncio.gather(*(invoke_own(api, job_id, payload=n) for job_id in ("a", "b") for n in range(5)))
        assert [len(set(own[:5])), len(set(own[5:])), len(set(own))] == [1, 1, 2]
        assert await invoke(api, "a") not in own
        assert await invoke_own(api, "gone") == (404, "not_found")
        assert await runs(api) == 3


async def test_an_app_that_takes_the_server_for_one_of_v2_has_keys_that_are_one_of_their_job_all_the_same() -> None:
    async with serving(jobs()) as api:
        link = WireLink(api.node.url, KEY)
        asked = WireCalls(link, "shop")
        first = {job_id: await asked.invoke_job(InvokeRequest(job_id, idempotency_key="k")) for job_id in ("a", "b")}
        assert first == {job_id: await invoke_own(api, job_id) for job_id in ("a", "b")}
        assert first["a"] != first["b"]
        with pytest.raises(InvalidArgumentError):
            await asked.invoke_job(InvokeRequest("a", idempotency_key=""))
        await link.close()
