"""The node itself over the API: who it is, how it is, what it describes of itself."""

from __future__ import annotations

import asyncio
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from perdure.api.app import all_routes
from perdure.protocol.task_batches import BATCH_TYPE, BatchItem
from tests.api.client import serving
from tests.api.test_runs import app, invoke


async def test_a_node_says_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    async with serving(url=f"sqlite:///{path}") as api:
        answer = await api.get("/api/node")
        assert answer.headers["perdure-version"] == version("perdure")
        started_at = answer.body.pop("started_at")
        assert answer.body == {
            "version": version("perdure"),
            "pid": os.getpid(),
            "database": str(path),
            "environment": "dev",
            "url": api.node.url,
            "unreadable": {},
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", started_at)


async def test_how_a_node_is_can_be_asked_without_a_key() -> None:
    async with serving() as api:
        for path in ("/healthz", "/readyz"):
            answer = await api.with_key(None).get(path)
            assert (answer.status, answer.body) == (200, {"status": "ok"})
        api.node.engine.stopping.set()
        answer = await api.with_key(None).get("/readyz")
        assert (answer.status, answer.body) == (503, {"status": "stopping"})


async def test_a_node_whose_database_was_taken_away_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    async with serving(url=f"sqlite:///{path}") as api:
        assert (await api.get("/readyz")).status == 200
        path.rename(tmp_path / "elsewhere.db")
        try:
            # The writer looks ten times a second at most.
            async with asyncio.timeout(60):
                while (answer := await api.with_key(None).get("/readyz")).status == 200:
                    pass
        finally:
            (tmp_path / "elsewhere.db").rename(path)
        assert (answer.status, answer.body) == (503, {"status": "unavailable"})
        assert (await api.with_key(None).get("/readyz")).status == 200


async def test_jobs_are_listed_with_their_triggers() -> None:
    async with serving(app()) as api:
        jobs = (await api.get("/api/jobs")).body
    assert [job["id"] for job in jobs] == ["fails", "greets", "naps"]
    assert jobs[0]["trigger"]["type"] in ("static", "invoke")
    assert jobs[0]["is_enabled"] is True


async def test_what_has_ended_is_pruned_and_counted_before() -> None:
    async with serving(app()) as api:
        kept = await invoke(api, "naps")
        gone = await invoke(api, "greets")
        await api.get(f"/api/runs/{gone}/end")
        await api.send("PUT", f"/api/store/run%3A{gone}%3Ax", b"1")
        counted = await api.post("/api/prune", {"older_than": 0, "dry_run": True})
        assert counted.body == {"runs": 1, "events": 1, "values": 1}
        assert (await api.get(f"/api/runs/{gone}")).status == 200
        nothing = await api.post("/api/prune", {"older_than": 3600})
        assert nothing.body == {"runs": 0, "events": 0, "values": 0}
        assert (await api.post("/api/prune", {"older_than": 0})).body == counted.body
        assert (await api.get(f"/api/runs/{gone}")).status == 404
        assert (await api.get(f"/api/store/run%3A{gone}%3Ax")).status == 404
        assert (await api.get(f"/api/runs/{kept}")).status == 200


@pytest.mark.parametrize("older_than", [-1, 1e308, 1e10, "1d", None])
async def test_an_age_that_cannot_be_prunes_nothing(older_than: Any) -> None:
    async with serving() as api:
        assert (await api.post("/api/prune", {"older_than": older_than})).status == 422


async def test_the_document_lists_the_routes_that_are_served_and_no_others() -> None:
    async with serving() as api:
        document = (await api.with_key(None).get("/api/openapi.json")).body
        listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
        assert listed == {(route.method, route.path) for route in all_routes()}
        for method, path in listed:
            answer = await api.with_key(None).ask(method, re.sub(r"{\w+}", "x", path))
            # Nobody can have a personal access token, with whatever they ask.
            assert answer.status in (200, 401) or answer.code == "no_personal_tokens", (method, path)
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


async def test_a_batch_of_tasks_is_described_by_its_types() -> None:
    async with serving() as api:
        document = (await api.with_key(None).get("/api/openapi.json")).body
    operation = document["paths"]["/api/task-batches"]["post"]
    for content, name in (
        (operation["requestBody"]["content"], "TaskBatch"),
        (operation["responses"]["200"]["content"], "BatchAnswer"),
    ):
        assert content == {BATCH_TYPE: {"schema": {"$ref": f"#/components/schemas/packed.{name}"}}}
    item = document["components"]["schemas"]["packed.BatchItem"]
    assert (item["required"], sorted(item["properties"])) == (["run", "epoch"], sorted(BatchItem.__struct_fields__))


async def test_every_type_that_the_document_refers_to_is_in_it() -> None:
    async with serving() as api:
        text = (await api.with_key(None).get("/api/openapi.json")).body

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    components = {f"#/components/schemas/{name}" for name in text["components"]["schemas"]}
    assert references(text) == components
