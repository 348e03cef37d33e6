"""The jobs that deal with the world outside: a picture is taken, papers are got, a parcel is brought to the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import ClientSession
from pydantic import BaseModel

from demo.orders import ORDER_PLACED, PAPERS, PHOTO, SIGNATURE, Order
from demo.plans import PATIENCE, Signer, signer_of
from perdure import IO, event_trigger, redact_string
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


class Papers(BaseModel):
    """How far the customs office is."""

    order: int
    status: str


class Signature(BaseModel):
    """What the messenger sends when somebody has signed."""

    order: int
    by: str


class Delivery(BaseModel):
    """Where a parcel is; ``event`` tells which signature it was."""

    order: int
    event: str | None


BUSY = {
    "strategy": "headers",
    "limit_header": "X-RateLimit-Limit",
    "remaining_header": "X-RateLimit-Remaining",
    "reset_header": "X-RateLimit-Reset",
    # A time from now: the shop's clock is not that of the world.
    "reset_format": "iso_8601_duration_openai_variant",
}


def add_errands(client: Client, *, world: str, token: str) -> None:
    """Give the shop its errands.

    Args:
        client: The shop.
        world: The URL of the world outside.
        token: What the customs office wants to be told.
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
        id="get-papers",
        name="Get papers for customs",
        version="1.0.0",
        trigger=event_trigger(ORDER_PLACED, schema=Order, filter={"extras": [{"$includes": PAPERS}]}),
    )
    async def get_papers(order: Order, io: IO) -> Papers:
        who = {"Authorization": redact_string("Bearer {}", token)}
        about = {"order": order.number, "worth": order.total}
        status = await io.create_status("papers", label="Applied for", state="loading")
        await io.background_fetch(
            "apply", f"{world}/papers", method="POST", headers=who, json=about, retry={429: BUSY}, timeout=5
        )
        await status.update("in progress", label="In progress")
        papers = await io.background_poll(
            "📜",
            f"{world}/papers/{order.number}",
            headers=who,
            interval=1,
            timeout=LONGEST,
            response_filter={"status": [200], "body": {"status": ["SUCCESS"]}},
            as_type=Papers,
        )
        await status.update("ready", label="Ready", state="success")
        return papers

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
