"""Send an event for tomorrow, and take it back."""

from datetime import timedelta

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="cancel-event", name="Cancel an event", version="1.0.0", trigger=event_trigger("cancel.start"))
async def cancel(payload: dict[str, str], io: IO) -> bool:
    await io.send_event(
        "🚚",
        id="e_1234567890",
        name="new.user",
        payload={"userId": "u_1234567890"},
        deliver_after=timedelta(hours=24),  # deliver in 24 hours
    )

    # Later on, if you want to cancel the event:
    event = await io.cancel_event("🚫", "e_1234567890")
    return event.cancelled_at is not None
