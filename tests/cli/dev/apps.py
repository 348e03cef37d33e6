"""Apps that the tests write, edit and break."""

from __future__ import annotations

from pathlib import Path

SHOP = """
import asyncio
from pathlib import Path

from perdure import IO, Client, event_trigger, invoke_trigger, cron_trigger
from pydantic import BaseModel

client = Client(id="shop")


class Order(BaseModel):
    id: str
    amount: int = 1


def charge(order):
    return f"receipt for {order.id}"


@client.job(id="fulfil", version="1.0.0", trigger=event_trigger("order.placed"))
async def fulfil(payload: Order, io: IO) -> str:
    await io.logger.info("charging", {"amount": payload.amount})
    receipt = await io.run_task("charge", lambda: charge(payload))
    await io.wait("cool down", 0.2)
    await io.logger.warn("packing")
    return receipt


@client.job(id="long", version="1.0.0", trigger=event_trigger("long.begins"))
async def long(payload: dict, io: IO) -> str:
    answer = await io.wait_for_event("go", name="long.ends", timeout=None)
    await io.logger.info("the old code")
    return "old"


@client.job(id="careless", version="1.0.0", trigger=event_trigger("careless.begins"))
async def careless(payload: dict, io: IO) -> None:
    await io.run_task("divide", divide)


def divide():
    return 1 / 0


@client.job(id="nightly", version="2.0.0", trigger=cron_trigger(cron="0 3 * * *"))
async def nightly(payload, io: IO) -> None:
    pass
"""


def write_app(folder: Path, text: str = SHOP, name: str = "app.py") -> Path:
    """Write an app down."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that a file has once, as an editor saves it: whole or not at all."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text.replace(old, new), encoding="utf-8")
    draft.replace(path)
