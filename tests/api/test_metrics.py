"""Metrics: what a node is at and what waits for it, in the text format of Prometheus."""

from __future__ import annotations

import re
import urllib.request
from urllib.error import HTTPError

import pytest

from tests.api.client import ApiClient, serving
from tests.api.test_environments import app, fill
from tests.api.test_operators import DEV, PROD, PUBLIC, keys, nobody

__all__ = ["keys"]
METRICS_KEY = "scrapes-scrapes-scrapes"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\\]|\\\\.)*",?)*)\})? (-?[0-9.e+-]+)')


def scrape(api: ApiClient, key: str | None) -> tuple[int, str, dict[str, float]]:
    """Ask for the metrics: the status, the text, and every sample."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{api.node.url}/metrics", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            status = answer.status
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), {}
    samples: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            found = SAMPLE.fullmatch(line)
            assert found is not None, line
            name = f"{found[1]}{{{found[2]}}}" if found[2] else found[1]
            assert name not in samples
            samples[name] = float(found[3])
    return status, text, samples


async def asked(api: ApiClient, key: str | None) -> tuple[int, str, dict[str, float]]:
    import asyncio

    return await asyncio.to_thread(scrape, api, key)


async def test_the_owner_sees_runs_requests_and_the_process() -> None:
    async with serving(app(), serves_all=True) as owner:
        await fill(owner.with_key(DEV))
        _, text, samples = await asked(owner, owner.node.api_key)
    assert samples['perdure_runs_ended_total{environment="dev",status="SUCCESS"}'] == 1
    assert samples['perdure_runs_due{environment="dev"}'] == 0
    assert samples['perdure_jobs_hosted{environment="dev"}'] == 3
    assert samples['perdure_jobs_hosted{environment="prod"}'] == 0
    assert samples["perdure_executions"] == 0
    assert samples["perdure_executions_limit"] == 1000
    assert samples['perdure_requests_total{method="POST",route="/api/events",status="200"}'] == 1
    assert samples['perdure_request_seconds_count{method="POST",route="/api/events"}'] == 1
    assert samples['perdure_request_seconds_bucket{method="POST",route="/api/events",le="+Inf"}'] == 1
    assert samples["process_cpu_seconds_total"] > 0
    for family in re.findall("^# TYPE ([a-z_]+) ", text, re.MULTILINE):
        assert text.count(f"# HELP {family} ") == text.count(f"# TYPE {family} ") == 1


async def test_a_private_key_sees_its_environment_alone() -> None:
    async with serving(app(), serves_all=True) as owner:
        await fill(owner.with_key(DEV))
        _, text, samples = await asked(owner, PROD)
    assert set(samples) == {'perdure_runs_due{environment="prod"}', 'perdure_jobs_hosted{environment="prod"}'}
    assert "dev" not in text


async def test_a_key_of_its_own_opens_the_metrics_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_METRICS_KEY", METRICS_KEY)
    async with serving(nobody(), serves_all=True) as owner:
        status, _, samples = await asked(owner, METRICS_KEY)
        assert status == 200
        assert "perdure_executions" in samples
        assert (await owner.with_key(METRICS_KEY).get("/api/node")).status == 401


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("tr_dev_wrong", 401), (PUBLIC, 403)])
async def test_without_a_private_key_there_are_no_metrics(key: str | None, status: int) -> None:
    async with serving(nobody(), serves_all=True) as owner:
        answered, text, _ = await asked(owner, key)
        assert answered == status
        assert '"code"' in text
        assert (await owner.post("/metrics")).status == 405


async def test_whatever_paths_are_asked_for_there_are_as_many_counters_as_routes() -> None:
    async with serving(nobody(), serves_all=True) as owner:
        for number in range(20):
            await owner.with_key(DEV).get(f"/api/v2/runs/run_{number}")
            await owner.ask("DELETE", f"/api/v2/runs/run_{number}")
            await owner.get(f"/nowhere/{number}")
        _, text, samples = await asked(owner, owner.node.api_key)
    assert "run_1" not in text
    assert "nowhere" not in text
    assert samples['perdure_requests_total{method="GET",route="/api/v2/runs/{run_id}",status="404"}'] == 20
    assert samples['perdure_requests_total{method="other",route="/api/v2/runs/{run_id}",status="405"}'] == 20
