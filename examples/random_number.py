"""Draw a number that stays the same, however often the run is executed."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="random", name="Random", version="1.0.0", trigger=event_trigger("random.start"))
async def draw(payload: dict[str, str], io: IO) -> float:
    random_number = await io.random("🎲", min=1, max=100)
    return random_number
