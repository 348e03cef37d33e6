"""Apps are told, by events, which connections runs wait for, and when they are there."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import timedelta
from typing import Any

import pytest

from perdure.engine.missing_connections import MISSING, RESOLVED
from perdure.engine.retention import Retention
from perdure.errors import StorageError
from perdure.protocol.connections import NewConnection
from perdure.protocol.endpoint import EventTriggerSpec
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.management import EventFilter
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Session, Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.storages import InterruptedStorage
from tests.engine.test_connections import connect, hosting, sent, waits
from tests.engine.world import World, kill, start, world

TOLD = (MISSING, RESOLVED)


async def events(it: World, name: str) -> list[tuple[str, Any]]:
    """The events of a name, oldest first: their ids and payloads."""
    page = await it.platform.list_events(EventFilter(name=name), take=50)
    found = [(one.id, json.loads((await it.platform.get_event(one.id)).event.payload)) for one in page.events]
    return found[::-1]


async def test_of_a_missing_connection_apps_are_told_once_however_many_runs_wait_for_it(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        for _ in range(3):
            await waits(it, account_id="a/b")
        await waits(it)
        (of_account, told), (of_all, told_of_all) = await events(it, MISSING)
        assert (told["id"], told["type"], told["account"]) == (of_account, "EXTERNAL", {"id": "a/b"})
        assert (told["client"]["id"], told["client"]["scopes"]) == ("slack", [])
        assert told["authorizationUrl"].endswith("/api/v1/accounts/a%2Fb/connections/slack")
        assert (told_of_all["id"], told_of_all["type"], "account" in told_of_all) == (of_all, "DEVELOPER", False)
        assert told_of_all["authorizationUrl"].endswith("/api/connections")
        assert await events(it, RESOLVED) == []


async def test_when_it_is_there_apps_are_told_too_and_anew_when_it_is_missing_again(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        run = await waits(it)
        connection = await connect(it, "token")
        await it.ended(run.id)
        await connect(it, "another")
        ((missing, _),) = await events(it, MISSING)
        ((resolved, told),) = await events(it, RESOLVED)
        assert (resolved, told["id"], told["type"]) == (f"{missing}-resolved", missing, "DEVELOPER")
        await it.platform.delete_connection(connection)
        await waits(it)
        _, (again, _) = await events(it, MISSING)
        assert again != missing


async def test_a_job_that_listens_for_its_integration_is_started(storage: Storage, app: ScriptedApp) -> None:
    async def tells(execution: Execution) -> ExecutionResult:
        return Succeeded(execution.request.event.payload)

    filter = JsonText('{"client":{"id":["slack"]}}')
    hosting(app, chat="slack", code="github").job("tells", tells, EventTriggerSpec((MISSING,), "trigger.dev", filter))
    async with world(storage, app) as it:
        await it.send("posts", account_id="ada")
        await it.until(lambda runs: sorted(runs.values()) == [RunStatus.SUCCESS, RunStatus.WAITING_ON_CONNECTIONS])
        (told,) = [one.request for one in app.executions if one.request.job.id == "tells"]
        assert (told.account, json.loads(told.event.payload)["client"]["id"]) == (None, "slack")


async def test_it_is_noted_that_a_connection_is_missing_and_told_in_one_unit_of_work_and_so_is_that_it_has_come(
    storage: Storage, app: ScriptedApp
) -> None:
    interrupted, seen = InterruptedStorage(storage), set[tuple[Any, ...]]()

    async def look(_name: str) -> None:
        seen.update(await storage.scan(_ask, "count_what_is_told_of_connections"))

    interrupted.later = look
    async with world(interrupted, hosting(app, chat="slack")) as it:  # type: ignore[arg-type]
        run = await waits(it)
        await connect(it, "token")
        await it.ended(run.id)
    assert seen == {(0, 0, 0, 0), (0, 1, 1, 0), (1, 0, 1, 1)}


async def _ask(tx: Session, name: str) -> Any:
    return await tx.all(name)


@pytest.mark.parametrize("after", range(8))
async def test_that_a_connection_is_missing_is_told_before_it_is_told_that_it_has_come(
    storage: Storage, app: ScriptedApp, after: int
) -> None:
    interrupted, come = InterruptedStorage(storage), list[asyncio.Task[str]]()
    async with world(interrupted, hosting(app, chat="slack")) as it:  # type: ignore[arg-type]
        writes = iter(range(100))

        async def connects(_name: str) -> None:
            if next(writes) == after:
                come.append(asyncio.ensure_future(connect(it, "token")))
                await asyncio.wait(come, timeout=1)

        interrupted.later = connects
        await it.send("posts")
        if not come:
            await it.until(lambda runs: set(runs.values()) == {RunStatus.WAITING_ON_CONNECTIONS} or bool(come))
        if not come:
            await connect(it, "token")
        await asyncio.gather(*come)
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})
        told = [one.id for one in (await it.platform.list_events(EventFilter(), take=50)).events if one.name in TOLD]
        missing = [event_id for event_id in told if not event_id.endswith("-resolved")]
        assert told[::-1] in ([], [one for id in missing for one in (id, f"{id}-resolved")])


async def test_an_app_is_told_in_the_end_though_the_event_could_not_be_sent_at_first(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        tell, failures = it.node._events.store_with, [StorageError("busy")]

        async def fails_once(*args: Any) -> Any:
            if failures:
                raise failures.pop()
            return await tell(*args)

        monkeypatch.setattr(it.node._events, "store_with", fails_once)
        run_id = await sent(it)
        await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE)
        await it.advance(60, run_id, RunStatus.WAITING_ON_CONNECTIONS)
        assert len(await events(it, MISSING)) == 1


async def test_a_connection_that_comes_before_apps_are_told_that_it_is_missing_is_not_told_of(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        tell, come = it.node.connections.missing.tell_missing, list[str]()

        async def tells_late(*args: Any, **options: Any) -> None:
            if not come:
                come.append(await connect(it, "just come"))
            await tell(*args, **options)

        monkeypatch.setattr(it.node.connections.missing, "tell_missing", tells_late)
        assert (await it.ended(await sent(it))).status is RunStatus.SUCCESS
        assert await events(it, MISSING) == []
        # Nothing is left of it that would keep a later one from being told.
        await it.platform.delete_connection(come[0])
        await waits(it)
        assert len(await events(it, MISSING)) == 1


async def test_a_node_that_dies_when_a_connection_is_stored_has_told_of_it(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await start(storage, hosting(app, chat="slack"), seed=1)
    await waits(first)
    wake = first.node._line.wake

    async def dies(*args: Any) -> None:
        await wake(*args)
        raise StorageError("gone")

    monkeypatch.setattr(first.node._line, "wake", dies)
    with pytest.raises(StorageError):
        await first.platform.put_connection(NewConnection("slack", "token"))
    await kill(first)
    app.clock.advance(60)  # type: ignore[attr-defined]
    async with world(storage, app, seed=2) as it:
        ((missing, _),) = await events(it, MISSING)
        assert [event_id for event_id, _ in await events(it, RESOLVED)] == [f"{missing}-resolved"]


async def test_retention_takes_what_is_known_of_connections_that_no_run_waits_for_any_more(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        gone = await waits(it, account_id="gone")
        await waits(it, account_id="waiting")
        await it.platform.cancel_run(gone.id)
        retention = Retention(storage, it.clock, keep=timedelta(days=1))
        await _pass(retention)
        assert await it.query("list_what_is_missing") == [("slack", "gone", 1), ("slack", "waiting", 1)]
        it.clock.advance(86_400)
        young = await waits(it, account_id="young")
        await it.platform.cancel_run(young.id)
        await _pass(retention)
        assert await it.query("list_what_is_missing") == [("slack", "waiting", 1), ("slack", "young", 1)]
        # Whose run comes then is missing anew, and apps are told of it.
        told = len(await events(it, MISSING))
        await waits(it, account_id="gone")
        assert len(await events(it, MISSING)) == told + 1


async def _pass(retention: Retention) -> None:
    while await retention.advance():
        pass


async def test_many_connections_that_nobody_waits_for_go_in_small_steps(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.engine.retention.MOST_ROWS", 2)
    async with world(storage, hosting(app, chat="slack")) as it:
        for number in range(5):
            await it.platform.cancel_run((await waits(it, account_id=f"account-{number}")).id)
        it.clock.advance(86_400)
        retention = Retention(storage, it.clock, keep=timedelta(days=1))
        left = [5]
        while await retention.advance():
            left.append(len(await it.query("list_what_is_missing")))
        assert (left[-1], max(before - after for before, after in itertools.pairwise(left))) == (1, 2)
        assert await it.query("list_what_is_missing") == []


async def test_a_connection_that_retention_forgets_while_a_run_comes_to_wait_for_it_is_told_of(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        await it.platform.cancel_run((await waits(it)).id)
        it.clock.advance(86_400)
        tell, told = it.node.connections.missing.tell_missing, list[int]()

        async def forgets(*args: Any, **options: Any) -> None:
            await tell(*args, **options)
            if not told:
                told.append(len(await events(it, MISSING)))
                await _pass(Retention(storage, it.clock, keep=timedelta(days=1)))

        monkeypatch.setattr(it.node.connections.missing, "tell_missing", forgets)
        run = await waits(it)
        ((missing, _),) = await events(it, MISSING)
        await connect(it, "token")
        await it.ended(run.id)
        assert [event_id for event_id, _ in await events(it, RESOLVED)] == [f"{missing}-resolved"]
