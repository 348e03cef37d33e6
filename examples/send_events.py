"""Send several events, all or none."""

from perdure import IO, Client, Event, event_trigger

client = Client(id="task-library")


@client.job(id="send-events", name="Send several events", version="1.0.0", trigger=event_trigger("send.start"))
async def send(payload: dict[str, str], io: IO) -> list[str]:
    events = await io.send_events(
        "🚚🚚",
        [
            Event(id="e_12345", name="new.user", payload={"userId": "u_12345"}),
            Event(id="e_67890", name="new.user", payload={"userId": "u_67890"}),
        ],
    )
    return [event.id for event in events]
