"""Jobs that are plain functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

from perdure import IO, Context, Job, RetryAt, SyncIO, SyncRunHandle, current, invoke_trigger, job


@dataclass
class Receipt:
    number: int


def ask_bank() -> Receipt:
    return Receipt(1)


async def ask_other_bank() -> Receipt:
    return Receipt(2)


@job(id="pay", version="1.0.0", trigger=invoke_trigger())
def pay(payload: str, io: SyncIO, ctx: Context) -> Receipt:
    assert_type(io.run_task("plain", ask_bank), Receipt)
    assert_type(io.run_task("async", ask_other_bank), Receipt)
    assert_type(io.run_task("typed", lambda: 1, as_type=int), int)
    assert_type(io.random("r"), float)
    assert_type(io.random("n", round=True), int)
    assert_type(io.uuid("u"), UUID)
    assert_type(io.now("t"), datetime)
    assert_type(io.parallel("p", ["a", "b"], ship), list[int])
    assert_type(io.parallel("q", ["a", "b"], ship_slowly), list[int])
    assert_type(io.invoke("i", pay_async, 1), SyncRunHandle[int])
    assert_type(current(SyncIO).io, SyncIO)
    assert_type(current().io, IO)
    io.wait("w", 1)
    io.logger.info("paid", {"id": payload})
    io.run_task("k", body)
    io.run_task("k", async_body, on_error=decide)
    io.run_task("k", async_body, on_error=decide_slowly)

    io.wait("w", "soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    io.wat("w", 1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return Receipt(3)


@job(id="pay-async", version="1.0.0", trigger=invoke_trigger())
async def pay_async(payload: int, io: IO) -> int:
    assert_type(await io.run_task("plain", ask_bank), Receipt)
    assert_type(await io.run_task("async", ask_other_bank), Receipt)
    assert_type(await io.parallel("p", ["a", "b"], ship), list[int])
    return payload


def ship(item: str, index: int) -> int:
    return index


async def ship_slowly(item: str, index: int) -> int:
    return index


def body(task: Any, io: SyncIO) -> None:
    io.wait("w", 1)


async def async_body(task: Any, io: IO) -> None:
    await io.wait("w", 1)


def decide(error: Exception, task: Any, io: SyncIO) -> RetryAt:
    return RetryAt(io.now("now"))


async def decide_slowly(error: Exception, task: Any, io: IO) -> RetryAt:
    return RetryAt(await io.now("now"))


assert_type(pay, Job[str, Receipt])
assert_type(pay_async, Job[int, int])
