"""What bodies of tasks are handed, and what the calls that run them give."""

from __future__ import annotations

from typing import Any, assert_type

from perdure import IO, Job, RunHandle, RunningTask, SyncIO, SyncRunHandle, invoke_trigger, job


async def charge(task: RunningTask, io: IO) -> int:
    assert_type(task.idempotency_key, str)
    assert_type(task.callback_url, str | None)
    await io.wait("w", 1)
    return task.attempt


def ask_for_callback(task: RunningTask) -> str:
    return task.id


@job(id="pay", version="1.0.0", trigger=invoke_trigger())
async def pay(payload: str, io: IO) -> int:
    assert_type(await io.run_task("charge", charge), int)
    assert_type(await io.run_task("asked", ask_for_callback), str)
    assert_type(await io.run_task("called-back", ask_for_callback, callback=30), Any)
    assert_type(await io.run_task("called-back-as", ask_for_callback, callback=30, as_type=int), int)
    assert_type(await io.run_task("only-called", callback=30), Any)
    assert_type(await io.run_task("nothing", noop=True), None)
    assert_type(await io.run_task("nothing-of", charge, noop=True), None)
    assert_type(await io.invoke("one", pay, "card"), RunHandle[int])
    assert_type(await io.invoke(job=pay), RunHandle[int])
    assert_type(await io.invoke("named", "pay"), RunHandle[Any])
    return 1


@job(id="pay-plainly", version="1.0.0", trigger=invoke_trigger())
def pay_plainly(payload: str, io: SyncIO) -> int:
    assert_type(io.run_task("called-back", ask_for_callback, callback=30), Any)
    assert_type(io.run_task("nothing", noop=True), None)
    assert_type(io.invoke("one", pay, "card"), SyncRunHandle[int])
    assert_type(io.invoke("one", pay, "card").result(timeout=1), int)
    assert_type(io.invoke("named", "pay"), SyncRunHandle[Any])
    return 1


assert_type(pay, Job[str, int])
