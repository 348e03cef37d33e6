"""Jobs that are gone from the index of their app: disabled, counted, not to be invoked, and back with a later index."""

from __future__ import annotations

from typing import Any

from tests.api.client import Answer, ApiClient, serving
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke

__all__ = ["keys"]
GONE = (
    "Job 'old' is disabled: its app 'shop' declares it no more, so its run would wait for code. Deploy the app with "
    "the job, or register it again."
)


def listens(id: str) -> dict[str, Any]:
    """A job that is started by events of the name of its id."""
    event = {"name": id, "title": "Event", "source": "trigger.dev", "icon": "custom-event"}
    rule = {"event": id, "source": "trigger.dev"}
    return job(id, event=event, trigger={"type": "static", "title": id, "rule": rule})


async def index_again(app: RemoteApp, api: ApiClient, *jobs: dict[str, Any]) -> dict[str, int]:
    """Have the app asked anew, when it has these jobs; what is counted."""
    index: Any = app.says["INDEX_ENDPOINT"]
    app.says["INDEX_ENDPOINT"] = {**index, "jobs": jobs}
    answer = await api.post("/api/v1/endpoints/shop/index", {})
    assert answer.body["status"] == "SUCCESS", answer
    stats: dict[str, int] = answer.body["stats"]
    assert (await api.get(f"/api/v1/endpointindex/{answer.body['id']}")).body["stats"] == stats
    return {name: stats[name] for name in ("jobs", "disabledJobs")}


async def invocations(api: ApiClient, job_id: str, **headers: str) -> list[Answer]:
    """Ask for a run by the route of the protocol, and by perdure's own."""
    return [await api.post(f"/api/{of}jobs/{job_id}/invoke", {"payload": {}}, **headers) for of in ("v1/", "")]


async def run_ids(api: ApiClient) -> list[str]:
    return [run["id"] for run in (await api.get("/api/runs")).body["runs"]]


async def test_a_job_that_is_gone_from_its_apps_index_is_disabled_until_a_later_one_has_it() -> None:
    old, new = listens("old"), listens("new")
    async with remote_app(old, new) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        for _ in range(2):
            assert await index_again(app, api, new) == {"jobs": 1, "disabledJobs": 1}
        for refused in await invocations(api, "old"):
            assert (refused.status, refused.code, refused.body["error"]) == (409, "job_disabled", GONE)
        await api.post("/api/v1/events", {"event": {"name": "old", "payload": {}}})
        assert await run_ids(api) == []
        listed = (await api.get("/api/jobs")).body
        assert {one["id"]: one["is_enabled"] for one in listed} == {"old": False, "new": True}
        assert (await end_of(api, await invoke(api, "new")))["status"] == "SUCCESS"

        assert await index_again(app, api, old, new) == {"jobs": 2, "disabledJobs": 0}
        assert (await end_of(api, await invoke(api, "old")))["status"] == "SUCCESS"


async def test_a_job_that_its_app_declares_as_not_enabled_is_counted_and_can_be_invoked() -> None:
    async with remote_app(job("old"), job("off", enabled=False)) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        assert await index_again(app, api, job("off", enabled=False)) == {"jobs": 0, "disabledJobs": 2}
        assert [answer.status for answer in await invocations(api, "off")] == [200, 200]


async def test_the_index_of_another_app_says_nothing_of_a_job() -> None:
    async with (
        remote_app(job("old")) as app,
        remote_app(job("theirs")) as other,
        serving(nobody(), serves_all=True) as owner,
    ):
        api = owner.with_key(DEV)
        await app.register(api)
        await api.post("/api/endpoints", {"id": "other", "url": f"{other.server.origin}/api/trigger"})
        assert await index_again(app, api, job("old")) == {"jobs": 1, "disabledJobs": 0}
        assert [answer.status for answer in await invocations(api, "old")] == [200, 200]
        assert await index_again(app, api) == {"jobs": 0, "disabledJobs": 1}
        assert [answer.status for answer in await invocations(api, "theirs")] == [200, 200]


async def test_an_invocation_that_is_repeated_gives_its_run_though_the_job_is_gone_meanwhile() -> None:
    async with remote_app(job("old")) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        key = {"Idempotency-Key": "a" * 64}
        first = await api.post("/api/v1/jobs/old/invoke", {"payload": {}}, **key)
        await index_again(app, api)
        again = await api.post("/api/v1/jobs/old/invoke", {"payload": {}}, **key)
        assert (again.status, again.body) == (200, first.body)
        other = await api.post("/api/v1/jobs/old/invoke", {"payload": {}}, **{"Idempotency-Key": "b" * 64})
        assert (other.status, other.code) == (409, "job_disabled")


async def test_the_jobs_of_an_app_that_is_removed_cannot_be_invoked() -> None:
    async with remote_app(job("old")) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        assert (await api.delete("/api/endpoints/shop")).status == 200
        assert [answer.code for answer in await invocations(api, "old")] == ["job_disabled"] * 2
        await app.register(api)
        assert (await end_of(api, await invoke(api, "old")))["status"] == "SUCCESS"
