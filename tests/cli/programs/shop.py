"""A node with jobs: ``python shop.py`` in a folder, until its input ends."""

from __future__ import annotations

import asyncio
import sys

from perdure import IO, Client, HttpRequest, cron_trigger, event_trigger, interval_trigger, invoke_trigger

client = Client(id="shop")


@client.job(id="greet", name="Greet", version="1.0.0", trigger=event_trigger("user.created"))
async def greet(payload: dict, io: IO) -> dict:
    await io.logger.info("hello", {"user": payload.get("id")})
    await io.run_task("find", lambda: "found\tit")
    return {"greeted": payload}


@client.job(id="echo", name="Echo", version="1.0.0", trigger=invoke_trigger())
async def echo(payload: dict) -> dict:
    return payload


hook = client.define_http_endpoint("hook", source="vendor.example")


@client.job(id="take", name="Take", version="1.0.0", trigger=hook.on_request())
async def take(payload: HttpRequest) -> str:
    return payload.text()


@client.job(id="slow", name="Slow", version="1.0.0", trigger=invoke_trigger())
async def slow(payload: dict, io: IO) -> str:
    await io.logger.warn("waits")
    await io.wait("⏰", 3600)
    return "late"


@client.job(id="broken", name="Broken", version="1.0.0", trigger=invoke_trigger())
async def broken(payload: dict, io: IO) -> None:
    if await io.store.env.get("look", "mended") is None:
        raise RuntimeError("no \x1b[31mluck\x1b[0m")


@client.job(
    id="nightly", name="Nightly", version="1.0.0", trigger=cron_trigger(cron="0 3 * * *", timezone="Europe/Oslo")
)
async def nightly(payload: object) -> None: ...


@client.job(id="often", name="Often", version="1.0.0", trigger=interval_trigger(seconds=3600))
async def often(payload: object) -> None: ...


async def main() -> None:
    async with client.start():
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
