"""Look an event up."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="get-event", name="Get an event", version="1.0.0", trigger=event_trigger("lookup.start"))
async def look_up(payload: dict[str, str], io: IO) -> int:
    event = await io.get_event("📥", "e_1234567890")
    return len(event.runs)
