"""What executions of perdure's own apps store by batches: each thing by itself, and nothing of others."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from perdure.engine.clock import SystemClock
from perdure.protocol.epochs import epoch_of
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, TaskRecord
from perdure.protocol.state import GetValue, SetValue
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_batches import (
    BATCH_TYPE,
    MOST_ITEMS,
    BatchAnswer,
    BatchItem,
    BatchOutcome,
    TaskBatch,
    pack,
    unpack,
)
from perdure.protocol.task_waits import CallbackWait, EventWait, TaskWait
from tests.api.client import ApiClient, serving
from tests.api.test_operators import DEV, PROD, keys
from tests.api.test_runs import invoke
from tests.engine.app import Execution, ScriptedApp

__all__ = ["keys"]
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Sender:
    """Sends batches for a run that is executed until the test has done with it."""

    def __init__(self, api: ApiClient, execution: Execution, begun: asyncio.Queue[Execution]) -> None:
        self.api = api
        self.begun = begun
        self.run = execution.run_id
        self.epoch = execution.epoch

    def item(self, record: TaskRecord, **members: Any) -> BatchItem:
        return BatchItem(**{"run": self.run, "epoch": self.epoch, "record": record, **members})

    async def send(self, *items: BatchItem, key: str | None = None) -> list[BatchOutcome | None]:
        status, body = await self.post(pack(TaskBatch(list(items))), key=key)
        assert status == 200, body
        return unpack(body, BatchAnswer).outcomes

    async def codes(self, *items: BatchItem, key: str | None = None) -> list[str | None]:
        return [None if outcome is None else outcome.code for outcome in await self.send(*items, key=key)]

    async def post(self, body: bytes, *, kind: str = BATCH_TYPE, key: str | None = None) -> tuple[int, bytes]:
        def post() -> tuple[int, bytes]:
            with closing(http.client.HTTPConnection(urlsplit(self.api.node.url).netloc, timeout=60)) as connection:
                credentials = {"Authorization": f"Bearer {key or self.api.key}", "Content-Type": kind}
                connection.request("POST", "/api/task-batches", body, credentials)
                response = connection.getresponse()
                return response.status, response.read()

        return await asyncio.to_thread(post)

    async def tasks(self) -> list[tuple[str, str, Any]]:
        tasks = (await self.api.get(f"/api/runs/{self.run}?subtasks=true&take=50")).body["tasks"]
        return [(task["name"], task["status"], task["output"]) for task in tasks]


@asynccontextmanager
async def executing(*, serves_all: bool = False) -> AsyncIterator[Sender]:
    done = asyncio.Event()
    begun: asyncio.Queue[Execution] = asyncio.Queue()

    async def waits(execution: Execution) -> ExecutionResult:
        begun.put_nowait(execution)
        await done.wait()
        return Succeeded(None)

    async with serving(ScriptedApp(SystemClock()).job("waits", waits), serves_all=serves_all) as api:
        try:
            asked = api.with_key(DEV) if serves_all else api
            await invoke(asked, "waits")
            yield Sender(asked, await begun.get(), begun)
        finally:
            done.set()


def record(number: int, output: str | None = "1", **members: Any) -> TaskRecord:
    made = {
        "id": f"task_{number:026}", "key": f"{number:064x}", "parent_id": None, "operation": "run_task",
        "name": f"n{number}", "status": TaskStatus.COMPLETED, "started_at": NOW, "completed_at": NOW,
        "output": None if output is None else JsonText(output),
    }  # fmt: skip
    return TaskRecord(**(made | members))


def waiting(number: int, wait: TaskWait, **members: Any) -> TaskRecord:
    return record(number, None, status=TaskStatus.WAITING, completed_at=None, wait=wait, **members)


async def test_what_is_sent_twice_is_stored_once_and_the_first_result_stays() -> None:
    async with executing() as sender:
        items = [sender.item(record(number)) for number in range(3)]
        assert await sender.send(*items) == [None] * 3
        assert await sender.send(*items, sender.item(record(3))) == [None] * 4
        assert await sender.codes(sender.item(record(0, "2"))) == ["already_completed"]
        assert await sender.tasks() == [(f"n{number}", "COMPLETED", 1) for number in range(4)]


async def test_what_is_refused_spoils_nothing_else() -> None:
    async with executing() as sender:
        good, later = sender.item(record(1)), sender.item(record(9, id=f"task_{1:026}x"))
        refused = [
            sender.item(record(2), epoch=sender.epoch + 1),
            sender.item(record(3), run="run_nobody"),
            sender.item(record(1, name="other")),
            sender.item(record(4, is_new=False)),
            sender.item(record(5, "{")),
            sender.item(record(6, key="A" * 64)),
            sender.item(record(7, started_at=NOW.replace(tzinfo=None))),
            sender.item(record(8, '"' + "a" * (3 * 1024 * 1024) + '"')),
            sender.item(waiting(11, CallbackWait(float("inf")))),
            sender.item(waiting(12, EventWait("n", "s", JsonText('{"a": [{"$no": 1}]}'), None, None, None))),
            sender.item(record(13, attempts=0)),
            sender.item(record(14), epoch=-1),
            BatchItem(sender.run, sender.epoch, call=SetValue("k", JsonText("1"))),
            sender.item(record(15), call=SetValue("k", JsonText("{"))),
        ]
        assert await sender.codes(good, *refused, later) == [
            None, "stale_execution", "not_found", "idempotency_conflict", "not_found", "invalid_json",
            "invalid_argument", "invalid_argument", "output_too_large", "invalid_argument",
            "invalid_filter", "invalid_argument", "invalid_argument", "invalid_argument", "invalid_json", None,
        ]  # fmt: skip
        assert [name for name, _, _ in await sender.tasks()] == ["n1", "n9"]


async def test_an_execution_that_only_says_that_it_is_at_work_stores_nothing() -> None:
    async with executing() as sender:
        others = [BatchItem("run_nobody", 1), BatchItem(sender.run, sender.epoch + 1)]
        said = await sender.codes(BatchItem(sender.run, sender.epoch), *others)
        assert said == [None, "stale_execution", "stale_execution"]
        assert (await sender.api.post(f"/api/v1/runs/{sender.run}/cancel")).status == 200
        assert await sender.codes(BatchItem(sender.run, sender.epoch)) == ["stale_execution"]
        assert await sender.tasks() == []


async def test_an_execution_that_was_begun_before_the_server_was_put_back_to_a_backup_stores_nothing() -> None:
    async with executing() as sender:
        life = sender.api.node.engine.holds.life
        lost, own = epoch_of(sender.epoch, life ^ 1 or 2), epoch_of(sender.epoch, life)
        later = epoch_of(sender.epoch + 1, life)
        said = await sender.codes(*(sender.item(record(n), epoch=epoch) for n, epoch in enumerate((lost, later, own))))
        assert said == ["stale_execution", "stale_execution", None]
        assert [name for name, _, _ in await sender.tasks()] == ["n2"]
        assert await sender.codes(*(BatchItem(sender.run, epoch) for epoch in (lost, own))) == ["stale_execution", None]


async def test_what_belongs_to_one_run_is_stored_in_its_order() -> None:
    async with executing() as sender:
        begun = record(1, None, status=TaskStatus.RUNNING, completed_at=None)
        inner = record(2, parent_id=begun.id, ancestors=(begun,))
        outcomes = await sender.send(sender.item(inner), sender.item(record(1, "2", is_new=False)))
        assert outcomes == [None, None]
        assert await sender.tasks() == [("n1", "COMPLETED", 2), ("n2", "COMPLETED", 1)]


async def test_a_task_stands_in_a_task_of_its_own_run_or_in_none() -> None:
    async with executing() as sender:
        other = await invoke(sender.api, "waits")
        elsewhere = record(1)
        assert (await sender.begun.get()).run_id == other
        assert await sender.codes(BatchItem(other, 1, elsewhere)) == [None]
        nobody = record(2, parent_id="task_nobody")
        apart = record(3, None, parent_id=elsewhere.id, status=TaskStatus.RUNNING, completed_at=None)
        itself = record(4)
        loop = (record(5, parent_id=record(6).id), record(6, parent_id=record(5).id))
        items = [
            sender.item(nobody),
            sender.item(apart),
            sender.item(replace(itself, parent_id=itself.id)),
            sender.item(replace(loop[0], ancestors=(loop[1],))),
            sender.item(record(7, None, parent_id="task_nobody"), call=GetValue("k")),
            sender.item(waiting(8, CallbackWait(60.0), parent_id="task_nobody")),
        ]
        outcomes = await sender.send(*items)
        assert [outcome and outcome.code for outcome in outcomes] == ["invalid_argument"] * 6
        assert outcomes[0] is not None
        assert "'task_nobody'" in str(outcomes[0].error)
        assert await sender.tasks() == []


async def test_work_on_state_is_done_once_with_its_task() -> None:
    async with executing() as sender:
        once = sender.item(record(1, None), call=SetValue("job:k", JsonText('{"a": 1}')))
        assert [one.state.output for one in await sender.send(once, once) if one and one.state] == ['{"a": 1}'] * 2
        (found,) = await sender.send(sender.item(record(2, None), call=GetValue("job:k")))
        assert found is not None
        assert found.state is not None
        assert found.state.output == '{"a": 1}'


async def test_the_callback_url_is_known_before_the_wait_is_stored() -> None:
    async with executing() as sender:
        wait = waiting(1, CallbackWait(60.0))
        (told,) = await sender.send(BatchItem("", 0, url_of=wait.id))
        assert told is not None
        assert told.url is not None
        assert await sender.send(sender.item(wait)) == [None]
        assert (await sender.api.post(urlsplit(told.url).path, {"paid": True})).status == 200
        assert await sender.tasks() == [("n1", "COMPLETED", {"paid": True})]


async def test_a_key_of_another_environment_stores_nothing_and_learns_no_url() -> None:
    async with executing(serves_all=True) as sender:
        assert await sender.codes(sender.item(record(1))) == [None]
        inner = sender.item(record(2), call=GetValue("k"))
        of_others = [sender.item(record(3)), inner, BatchItem("", 0, url_of=record(1).id)]
        assert await sender.codes(*of_others, key=PROD) == ["not_found"] * 3
        assert [name for name, _, _ in await sender.tasks()] == ["n1"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"\xc1", BATCH_TYPE, 422, "invalid_field"),
        (b"", BATCH_TYPE, 422, "invalid_field"),
        (b"\x91" * 5000, BATCH_TYPE, 422, "invalid_field"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (pack(TaskBatch([BatchItem("r", 1)] * (MOST_ITEMS + 1))), BATCH_TYPE, 422, "invalid_field"),
        (bytes(16 * 1024 * 1024 + 1), BATCH_TYPE, 413, "payload_too_large"),
    ],
)
async def test_what_is_no_batch_is_refused(body: bytes, kind: str, status: int, code: str) -> None:
    async with executing() as sender:
        answered, said = await sender.post(body, kind=kind)
        assert (answered, json.loads(said)["code"]) == (status, code)


async def test_a_run_that_has_ended_takes_nothing_more() -> None:
    async with executing() as sender:
        assert (await sender.api.post(f"/api/runs/{sender.run}/cancel")).status == 200
        with_line = replace(record(2), ancestors=(record(3),))
        assert await sender.codes(sender.item(record(1)), sender.item(with_line)) == ["run_not_active"] * 2


async def test_executions_are_to_end_when_the_server_is_about_to_stop() -> None:
    async with executing() as sender:
        assert await sender.send(sender.item(record(0))) == [None]
        sender.api.node.engine.hints.stop()
        outcomes = await sender.send(sender.item(record(1)), sender.item(record(1, "2")))
        assert [(one.code, one.ends) for one in outcomes if one is not None] == [
            (None, True), ("already_completed", True),
        ]  # fmt: skip
        assert [name for name, _, _ in await sender.tasks()] == ["n0", "n1"]
