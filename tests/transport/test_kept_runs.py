"""Suspended runs that a worker has in memory: it is asked to go on with them, unless somebody else may have since."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from perdure.protocol.execution import Abandoned, ExecutionResult, Suspended
from perdure.protocol.messages.execution import KnownTask, RunMetadata
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.transport import kept_runs
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.asking import REQUEST, STATES, TASK

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SUSPENDED = {"status": "RESUME_WITH_TASK", "task": TASK}


class Workers:
    """Workers that answer each request with the next of these answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str | None, Any]] = []
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        self.aborted: list[str] = []
        self.resolved: list[tuple[str, int, list[str]]] = []
        self.gone: set[str] = set()
        self.time = 0.0
        self.endpoint = HttpEndpoint(
            AppLink("shop", "worker:shop", api_keys=lambda: ["key"], requester=self),
            now=lambda: NOW, monotonic=lambda: self.time, listens=_ignore, is_bounded=False, keepers=self,
        )  # fmt: skip

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        self.asked.append((dict(request.headers).get("perdure-held"), json.loads(request.body or b"{}")))
        status, keeper, body = self.answers.pop(0)
        headers = () if keeper is None else (("perdure-held", keeper),)
        return OutboundResponse(status, (("perdure-version", "1"), *headers), json.dumps(body).encode())

    def is_there(self, worker_id: str) -> bool:
        return worker_id not in self.gone

    def abort(self, run_id: str) -> None:
        self.aborted.append(run_id)

    def resolve(self, run_id: str, epoch: int, tasks: list[KnownTask]) -> bool:
        self.resolved.append((run_id, epoch, [task.id for task in tasks]))
        return True

    async def execute(
        self, epoch: int, answer: Any = None, *, status: int = 200, keeper: str | None = None, whole: bool = True
    ) -> ExecutionResult:
        if answer is not None:
            self.answers.append((status, keeper, answer))
        states = STATES if whole else STATES[:1]
        return await self.endpoint.execute(replace(REQUEST, epoch=epoch, tasks=states, is_complete=whole))


async def _ignore(job_id: str, metadata: RunMetadata) -> None:
    pass


async def test_the_worker_that_has_a_suspended_run_is_asked_to_go_on_with_what_it_waits_for() -> None:
    workers = Workers()
    assert workers.endpoint.held("run_1") is None
    assert isinstance(await workers.execute(2, SUSPENDED, keeper="w1"), Suspended)
    assert workers.endpoint.held("run_1") == ("task_1",)

    await workers.execute(3, {"status": "SUCCESS"}, whole=False)

    keeper, body = workers.asked[-1]
    assert (keeper, body["resumed"], body.get("tasks", []), body["epoch"]) == ("w1", True, [], 3)
    assert body["knownTasks"] == [
        {"id": "task_a", "idempotencyKey": "a" * 64, "status": "COMPLETED", "attempts": 1, "output": 1}
    ]
    assert workers.endpoint.held("run_1") is None


async def test_a_run_replays_that_its_worker_has_dropped() -> None:
    workers = Workers()
    await workers.execute(2, SUSPENDED, keeper="w1")

    result = await workers.execute(3, {"message": "no longer"}, status=410, whole=False)

    assert result == Abandoned("the suspended run is no longer kept in memory", immediate=True)


async def test_a_run_replays_that_was_executed_elsewhere_meanwhile() -> None:
    workers = Workers()
    await workers.execute(2, SUSPENDED, keeper="w1")

    assert isinstance(await workers.execute(4, whole=False), Abandoned)
    assert len(workers.asked) == 1


async def test_the_late_answer_of_an_execution_that_has_lost_its_run_is_not_remembered() -> None:
    workers = Workers()
    await workers.execute(5, SUSPENDED, keeper="w2")
    # Its own execution began earlier, and nothing but its end is seen here.
    workers.endpoint._kept.keep("run_1", epoch=2, task_ids=("task_9",), worker_id="w1")  # type: ignore[union-attr]

    await workers.execute(6, {"status": "SUCCESS"}, whole=False)

    assert workers.asked[-1][0] == "w2"


async def test_a_worker_that_is_gone_or_was_left_alone_for_long_is_not_asked() -> None:
    workers = Workers()
    await workers.execute(2, SUSPENDED, keeper="w1")
    workers.gone.add("w1")
    assert workers.endpoint.held("run_1") is None

    await workers.execute(3, SUSPENDED, keeper="w2")
    workers.time = kept_runs.KEPT_SECONDS
    assert workers.endpoint.held("run_1") is None


async def test_workers_are_told_of_a_run_that_is_taken_away_if_they_may_have_it() -> None:
    workers = Workers()
    workers.endpoint.abort("run_1", "cancelled")
    await workers.execute(2, SUSPENDED, keeper="w1")
    workers.endpoint.abort("run_1", "cancelled")
    workers.endpoint.abort("run_1", "cancelled")

    assert workers.aborted == ["run_1"]
    assert workers.endpoint.held("run_1") is None


async def test_no_more_runs_are_remembered_than_there_is_room_for() -> None:
    workers = Workers()
    runs = kept_runs.KeptRuns(workers, lambda: 0.0)
    for number in range(kept_runs.MOST_KEPT + 1):
        runs.keep(f"run_{number}", epoch=1, task_ids=("t",), worker_id="w1")

    assert runs.find("run_0") is None
    assert runs.find("run_1") is not None
