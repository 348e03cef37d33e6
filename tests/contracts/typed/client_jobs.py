"""Jobs that are declared on a client."""

from __future__ import annotations

from typing import assert_type

from perdure import IO, Client, Context, Job, RunHandle, SyncIO, SyncRunHandle, event_trigger, invoke_trigger

client = Client("shop")


@client.job(id="pay", version="1.0.0", trigger=invoke_trigger(), concurrency_limit=2)
async def pay(payload: str, io: IO, ctx: Context) -> int:
    return await io.invoke_and_wait("again", pay, payload)


@client.job(id="ship", version="1.0.0", trigger=event_trigger("paid"))
def ship(payload: dict[str, str], io: SyncIO) -> list[str]:
    return sorted(payload)


async def call() -> None:
    assert_type(pay, Job[str, int])
    assert_type(ship, Job[dict[str, str], list[str]])
    handle = await client.invoke(pay, "card")
    assert_type(handle, RunHandle[int])
    assert_type(await handle.result(timeout=1), int)


def call_and_wait() -> None:
    handle = client.sync.invoke(ship, {"to": "Ada"})
    assert_type(handle, SyncRunHandle[list[str]])
    assert_type(handle.result(timeout=1), list[str])


client.job(id="pay", version="1.0.0")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
client.job(id="pay", version="1.0.0", trigger=invoke_trigger(), colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
