"""Send an event."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="send-event", name="Send an event", version="1.0.0", trigger=event_trigger("send.start"))
async def send(payload: dict[str, str], io: IO) -> str:
    event = await io.send_event(
        "🚚",
        id="e_1234567890",
        name="new.user",
        payload={"userId": "u_1234567890"},
    )
    return event.id
