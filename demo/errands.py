"""The jobs that deal with the world outside: a picture is taken, a parcel is brought to the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import ClientSession
from pydantic import BaseModel

from demo.orders import ORDER_PLACED, PHOTO, SIGNATURE, Order
from demo.plans import PATIENCE, Signer, signer_of
from perdure import IO, event_trigger
from perdure.errors import WaitTimeoutError

if TYPE_CHECKING:
    from perdure import Client

PARCEL_SIGNED = "parcel.signed"
LONGEST = 60
"""How many seconds something that will come may take."""


class Picture(BaseModel):
    """What the photographer sends."""

    order: int
    picture: str


class Signature(BaseModel):
    """What the messenger sends when somebody has signed."""

    order: int
    by: str


class Delivery(BaseModel):
    """Where a parcel is; ``event`` tells which signature it was."""

    order: int
    event: str | None


def add_errands(client: Client, *, world: str) -> None:
    """Give the shop its errands.

    Args:
        client: The shop.
        world: The URL of the world outside.
    """

    @client.job(
        id="photograph",
        name="Photograph a parcel",
        version="1.0.0",
        trigger=event_trigger(ORDER_PLACED, schema=Order, filter={"extras": [{"$includes": PHOTO}]}),
    )
    async def photograph(order: Order, io: IO) -> Picture:
        async def ask(url: str) -> None:
            asked = {"order": order.number, "webhook": url}
            async with ClientSession() as session, session.post(f"{world}/pictures", json=asked) as response:
                response.raise_for_status()

        status = await io.create_status("picture", label="Asked for", state="loading")
        picture = await io.wait_for_request("📷", ask, timeout=LONGEST, as_type=Picture)
        await status.update("taken", label="Taken", state="success", data={"picture": picture.picture})
        return picture

    @client.job(
        id="bring",
        name="Bring a parcel to the door",
        version="1.0.0",
        trigger=event_trigger(ORDER_PLACED, schema=Order, filter={"extras": [{"$includes": SIGNATURE}]}),
    )
    async def bring(order: Order, io: IO) -> Delivery:
        status = await io.create_status("parcel", label="At the door", state="loading")
        patience = PATIENCE if signer_of(order.number) is Signer.NOBODY else LONGEST
        try:
            signed = await io.wait_for_event(
                "✍️", name=PARCEL_SIGNED, schema=Signature, filter={"order": [order.number]}, timeout=patience
            )
        except WaitTimeoutError:
            await status.update("brought", label="Left with a neighbour", state="failure")
            return Delivery(order=order.number, event=None)
        await status.update("brought", label="Signed for", state="success", data={"by": signed.payload.by})
        return Delivery(order=order.number, event=signed.id)
