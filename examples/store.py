"""Keep a value, and read it later."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="store", name="Store", version="1.0.0", trigger=event_trigger("store.start"))
async def store(payload: dict[str, str], io: IO) -> str | None:
    # store some data
    await io.store.job.set("💾", "disk-A", "Doom 1.2 Demo #3")

    # get it again later
    value = await io.store.job.get("read-💾", "disk-A", as_type=str)
    return value
