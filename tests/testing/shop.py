"""The client of a shop, and another one."""

from __future__ import annotations

from typing import Any

from perdure import IO, Client, Context, event_trigger, invoke_trigger

client = Client(id="shop")


@client.job(id="welcome", version="1.0.0", trigger=event_trigger("user.created"))
async def welcome(payload: dict[str, str], io: IO, ctx: Context) -> str:
    await io.logger.info("hello", {"user": payload["name"]})
    await io.wait("⏰", 30 * 86_400)

    async def outer(task: Any, io: IO) -> str:
        return await io.run_task("inner", lambda: f"welcome {payload['name']}")

    return await io.run_task("outer", outer)


@client.job(id="order", version="1.0.0", trigger=invoke_trigger())
async def order(payload: dict[str, Any], io: IO) -> list[str]:
    """Waits for as many minutes as it is told, one after the other; gives the times that it saw."""
    seen: list[str] = []
    for number in payload["minutes"]:
        await io.wait(["wait", number], number * 60)
        seen.append((await io.now(["now", number])).isoformat())
    return seen


def a_client(job: Any, **options: Any) -> Client:
    """A client with one job."""
    made = Client(id="other")
    made.job(**({"id": "other", "version": "1.0.0", "trigger": invoke_trigger()} | options))(job)
    return made
