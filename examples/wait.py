"""Go on after 60 seconds."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="wait", name="Wait", version="1.0.0", trigger=event_trigger("wait.start"))
async def wait(payload: dict[str, str], io: IO) -> str:
    await io.wait("⏰", 60)  # wait 60 seconds
    return "a minute later"
