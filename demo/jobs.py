"""The jobs: an order is charged, packed and announced, and an event starts the job that ships it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from demo.orders import CHANNELS, ORDER_PLACED, Item, Order
from perdure import IO, Client, Retry, event_trigger

if TYPE_CHECKING:
    from demo.logs import BodyLog

ORDER_PACKED = "order.packed"
BANK_SECONDS = 0.1
MESSAGE_SECONDS = 0.05


class CardDeclinedError(Exception):
    """The bank said no, as it does now and then, and may say yes in a moment."""


class Payment(BaseModel):
    """What the bank says when it says yes."""

    reference: str
    cents: int


class Parcel(BaseModel):
    """An order that is packed."""

    order: int
    pieces: int


class Receipt(BaseModel):
    """What the customer gets in the end."""

    order: int
    paid: int
    pieces: int
    told_by: list[str]


def open_shop(url: str, bodies: BodyLog) -> Client:
    """Make the shop's client with the two jobs that every order needs.

    Args:
        url: The database.
        bodies: Where each task body says that it has begun.
    """
    client = Client(id="shop", database_url=url)

    @client.job(
        id="process-order", name="Process an order", version="1.0.0", trigger=event_trigger(ORDER_PLACED, schema=Order)
    )
    async def process_order(order: Order, io: IO) -> Receipt:
        await io.logger.info("accepted", {"cents": order.total})

        async def charge(task: Any) -> Payment:
            await bodies.note(order.subject, "charge", task, cents=order.total)
            await asyncio.sleep(BANK_SECONDS)
            if order.is_declined_at_first and task.attempt == 1:
                raise CardDeclinedError(order.customer)
            return Payment(reference=task.idempotency_key[:12], cents=order.total)

        async def pack(task: Any, io: IO) -> Parcel:
            await bodies.note(order.subject, "pack", task)
            pieces = [await io.run_task(f"pick {item.name}", picker(item)) for item in order.items]
            return Parcel(order=order.number, pieces=sum(pieces))

        def picker(item: Item) -> Any:
            def pick(task: Any) -> int:
                bodies.note_now(order.subject, f"pick {item.name}", task)
                return item.pieces

            return pick

        async def announce(channel: str, index: int) -> str:
            async def tell(task: Any) -> str:
                await bodies.note(order.subject, f"announce by {channel}", task)
                await asyncio.sleep(MESSAGE_SECONDS)
                return channel

            return await io.run_task(f"announce by {channel}", tell)

        payment = await io.run_task("charge", charge, retry=Retry(limit=3, min_timeout=0.2))
        await io.wait("second thoughts", 1)
        parcel = await io.run_task("pack", pack)
        told_by = await io.parallel("announce", CHANNELS, announce)
        await io.send_event("hand over", name=ORDER_PACKED, id=f"packed-{order.number}", payload=parcel)
        await io.logger.info("handed over", {"pieces": parcel.pieces})
        return Receipt(order=order.number, paid=payment.cents, pieces=parcel.pieces, told_by=told_by)

    @client.job(
        id="ship-order", name="Ship an order", version="1.0.0", trigger=event_trigger(ORDER_PACKED, schema=Parcel)
    )
    async def ship_order(parcel: Parcel, io: IO) -> str:
        def print_label(task: Any) -> str:
            bodies.note_now(f"order {parcel.order}", "print the label", task)
            return f"order {parcel.order}, {parcel.pieces} pieces"

        return await io.run_task("print the label", print_label)

    return client
