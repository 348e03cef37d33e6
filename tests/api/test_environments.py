"""A key opens one environment: of others in the same database nothing is seen, changed or deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.endpoint import DynamicScheduleSpec
from tests.api.client import ApiClient, greets, serving
from tests.api.test_runs import invoke, naps
from tests.engine.app import ScriptedApp


def app() -> ScriptedApp:
    made = ScriptedApp(SystemClock()).job("naps", naps).job("greets", greets)
    made.job("ticks", greets, DynamicScheduleSpec("daily"))
    made.dynamic_schedules = ("daily",)
    return made


async def fill(api: ApiClient) -> dict[str, str]:
    """Leave something of every kind behind."""
    napping, greeted = await invoke(api, "naps"), await invoke(api, "greets")
    await api.get(f"/api/runs/{greeted}/end")
    await api.post("/api/events", {"events": [{"name": "later", "id": "e"}], "options": {"deliver_after": 3600}})
    await api.send("PUT", "/api/store/k", b"1")
    await api.put(f"/api/runs/{napping}/statuses/s", {"state": "loading"})
    timing = {"type": "interval", "seconds": 3600}
    await api.put("/api/schedules/daily/registrations", {"key": "k", "timing": timing})
    return {"napping": napping, "greeted": greeted}


async def test_of_another_environment_nothing_is_seen_changed_or_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    monkeypatch.setenv("PERDURE_ENVIRONMENT", "prod")
    async with serving(app(), url=url, api_key=PROD) as api:
        left = await fill(api)
        before = [(await api.get(path)).body for path in LISTS]

    monkeypatch.setenv("PERDURE_ENVIRONMENT", "dev")
    async with serving(ScriptedApp(SystemClock()), url=url) as api:
        for path in LISTS:
            body = (await api.get(path)).body
            assert [] in (body, *body.values()) if isinstance(body, dict) else body == [], path
        for run_id in left.values():
            for method, path in (
                ("GET", f"/api/runs/{run_id}"),
                ("GET", f"/api/runs/{run_id}/end?timeout=0"),
                ("GET", f"/api/runs/{run_id}/changes"),
                ("GET", f"/api/runs/{run_id}/statuses"),
                ("GET", f"/api/v1/runs/{run_id}"),
                ("GET", f"/api/v2/runs/{run_id}/statuses"),
                ("POST", f"/api/runs/{run_id}/cancel"),
                ("POST", f"/api/runs/{run_id}/rerun"),
                ("POST", f"/api/runs/{run_id}/continue"),
            ):
                assert (await api.ask(method, path)).status == 404, (method, path)
            assert (await api.put(f"/api/runs/{run_id}/statuses/s", {"state": "failure"})).status == 404
        for method, path in (
            ("GET", "/api/events/e"),
            ("POST", "/api/events/e/cancel"),
            ("POST", "/api/events/e/cancel-runs"),
            ("GET", "/api/v1/events/e"),
            ("POST", "/api/jobs/greets/invoke"),
            ("POST", "/api/jobs/naps/cancel-runs"),
            ("GET", "/api/store/k"),
            ("DELETE", "/api/schedules/daily/registrations/k"),
        ):
            assert (await api.ask(method, path)).status == 404, (method, path)
        assert (await api.get("/api/v1/jobs/greets/runs")).body == {"runs": []}
        assert (await api.delete("/api/store/k")).body == {"deleted": False}
        assert (await api.post("/api/prune", {"older_than": 0})).body == {"runs": 0, "events": 0, "values": 0}

    monkeypatch.setenv("PERDURE_ENVIRONMENT", "prod")
    async with serving(app(), url=url, api_key=PROD) as api:
        after = [(await api.get(path)).body for path in LISTS]
        assert [_without_times(body) for body in after] == [_without_times(body) for body in before]
        assert (await api.get(f"/api/runs/{left['greeted']}")).body["output"] == {"text": "hello"}


PROD = "tr_prod_given0given0given"

LISTS = ("/api/runs", "/api/events?internal=true", "/api/jobs", "/api/schedules", "/api/store", "/api/connections")


def _without_times(body: object) -> object:
    """Leave out when a job was registered last: that changes with every start."""
    if isinstance(body, list):
        return [_without_times(one) for one in body]
    if isinstance(body, dict):
        return {name: _without_times(one) for name, one in body.items() if name != "registered_at"}
    return body
