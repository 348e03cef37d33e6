"""Calls of a client from outside of runs, awaited and blocking."""

from __future__ import annotations

from typing import Any, assert_type

from perdure import (
    CancelResult,
    Client,
    Event,
    EventDetails,
    EventRecord,
    Run,
    RunHandle,
    RunPage,
    RunStatus,
    RunStatuses,
    ScheduleRegistration,
    SyncRunHandle,
)

client = Client("shop")


async def awaited(run_id: str) -> None:
    handle = await client.invoke("pay", {"card": 1})
    assert_type(handle, RunHandle[Any])
    assert_type(await client.send_event(name="paid"), EventRecord)
    assert_type(await client.get_run(run_id), Run)
    assert_type(await client.store.env.get("limit", as_type=int), int | None)


def blocking(run_id: str) -> None:
    handle = client.sync.invoke("pay", {"card": 1})
    assert_type(handle, SyncRunHandle[Any])
    assert_type(client.sync.send_event(name="paid", payload={"card": 1}), EventRecord)
    assert_type(client.sync.send_events([Event("paid"), {"name": "sent"}]), list[EventRecord])
    assert_type(client.sync.get_event("e"), EventDetails)
    assert_type(client.sync.cancel_event("e"), EventRecord)
    assert_type(client.sync.cancel_runs_for_event("e"), CancelResult)
    assert_type(client.sync.cancel_runs_for_job("pay"), CancelResult)
    assert_type(client.sync.get_run(run_id, take=5, subtasks=True), Run)
    assert_type(client.sync.get_runs("pay", take=5), RunPage)
    assert_type(client.sync.cancel_run(run_id), Run)
    assert_type(client.sync.continue_run(run_id), Run)
    assert_type(client.sync.rerun(run_id), SyncRunHandle[Any])
    assert_type(client.sync.get_run_statuses(run_id), RunStatuses)
    assert_type(client.sync.update_status(run_id, "progress", label="Done"), RunStatus)
    assert_type(client.sync.register_schedule("reminders", "ada", seconds=60), ScheduleRegistration)
    assert_type(client.sync.unregister_schedule("reminders", "ada"), ScheduleRegistration)
    assert_type(client.sync.store.env.get("limit", as_type=int), int | None)
    assert_type(client.sync.store.env.has("limit"), bool)


client.sync.send_event("paid")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
client.sync.get_run(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
