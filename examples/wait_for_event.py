"""Go on when an administrator has signed up."""

from datetime import datetime

from pydantic import BaseModel, Field

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


class User(BaseModel):
    id: str
    created_at: datetime = Field(alias="createdAt")
    is_admin: bool = Field(alias="isAdmin")


@client.job(id="first-admin", name="First administrator", version="1.0.0", trigger=event_trigger("shop.opened"))
async def wait_for_admin(payload: dict[str, str], io: IO) -> str:
    event = await io.wait_for_event(
        "🥂",
        name="user.created",
        schema=User,
        filter={"isAdmin": [True]},  # only wait for events where isAdmin is true
        timeout=60 * 60,  # wait for up to an hour
    )
    return f"{event.payload.id} by event {event.id}"
