"""The page that explains replay: its table is what its job does, with its code kept in memory and without."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any, cast

import pytest

from perdure import Client
from perdure.protocol.execution import ExecutionRequest, ExecutionResult, TaskRecord
from perdure.protocol.platform import Platform
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.sdk.host import Host
from perdure.sdk.replay import Memo
from perdure.server.embedded import start_embedded
from tests.contracts.markdown import code_blocks, table_rows
from tests.contracts.tree import ROOT
from tests.engine.clock import ManualClock

PAGE = ROOT / "docs" / "internals" / "replay.md"
TABLE = [row for row in table_rows(PAGE) if row[0].isdigit()]
NOT_ASKED = "not asked"


class Recorder:
    """Notes what a run's executions ask for and store, as rows of the page's table.

    A row is the number of the execution, what is asked for, what the memo answers, and what is stored.
    """

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.execution = 0
        self._asked: str | None = None

    def note_ask(self, inside: str, key: str, answer: str) -> None:
        self.rows.append([str(self.execution), f"`{inside}{key}`", answer, ""])
        self._asked = key

    def note_record(self, record: TaskRecord) -> None:
        """Add to the row of the call that it is the record of, or as a row of its own if that call was earlier."""
        if record.display_key != self._asked:
            self.rows.append([str(self.execution), f"(the body of `{record.display_key}` returns)", "", ""])
        self.rows[-1][3] = ", ".join(f"`{one.display_key}` {one.status}" for one in (*record.ancestors, record))
        self._asked = None


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder, find = Recorder(), Memo.find

    def find_and_note(self: Memo, scope: Any, operation: str, name: str, key: Any, **rest: Any) -> Any:
        ask, is_first = find(self, scope, operation, name, key, **rest)
        inside = "" if scope.task is None else f"{scope.task.display_key} ▸ "
        recorder.note_ask(inside, key, "unknown" if ask.state is None else str(ask.state.status))
        return ask, is_first

    monkeypatch.setattr(Memo, "find", find_and_note)
    return recorder


async def test_the_table_is_what_a_replayed_run_does(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    output = await _run_the_job(recorder, monkeypatch, force_replay=True)
    assert output == '["12A",120]'
    assert [tuple(row) for row in recorder.rows] == [tuple(row[:4]) for row in TABLE]


async def test_the_table_is_what_a_kept_run_does(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    output = await _run_the_job(recorder, monkeypatch, force_replay=False)
    assert output == '["12A",120]'
    assert [tuple(row) for row in recorder.rows] == [tuple(row[:4]) for row in TABLE if row[4] != NOT_ASKED]


async def _run_the_job(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, *, force_replay: bool) -> str | None:
    client, clock = _client_of_the_page(monkeypatch), ManualClock()
    host = Host(client, force_replay=force_replay)
    execute = host.execute

    async def execute_and_count(request: ExecutionRequest) -> ExecutionResult:
        recorder.execution = request.epoch
        return await execute(request)

    def connect(platform: Platform, clock: Any, random_bytes: Any) -> None:
        record_task = platform.record_task

        async def note_and_record(run_id: str, epoch: int, record: TaskRecord) -> None:
            recorder.note_record(record)
            await record_task(run_id, epoch, record)

        monkeypatch.setattr(platform, "record_task", note_and_record)
        host.connect(platform, clock, random_bytes)

    monkeypatch.setattr(host, "execute", execute_and_count)
    node = await start_embedded(host, database_url="sqlite://", clock=clock, connect=connect)
    try:
        run_id = await node.platform.invoke_job(InvokeRequest("trip"))
        async with asyncio.timeout(60):
            while not (run := await node.platform.get_run(run_id)).status.is_final:
                if run.status is RunStatus.WAITING_TO_CONTINUE:
                    clock.advance(5)
                await asyncio.sleep(0)
        assert (run.status, run.executions) == (RunStatus.SUCCESS, int(TABLE[-1][0]))
        return run.output
    finally:
        await node.stop()
        await host.stop()


def _client_of_the_page(monkeypatch: pytest.MonkeyPatch) -> Client:
    (block,) = code_blocks(PAGE, language="python")
    module = ModuleType("trip")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block.text, "the page", "exec", dont_inherit=True), vars(module))
    return cast("Client", vars(module)["client"])
