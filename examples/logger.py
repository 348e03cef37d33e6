"""Write lines to the run's log."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="logger", name="Logger", version="1.0.0", trigger=event_trigger("logger.start"))
async def log(payload: dict[str, str], io: IO) -> None:
    await io.logger.info("This is an info message")
    await io.logger.info("This is an info message", {"foo": "bar"})
    await io.logger.debug("This is a debug message")
    await io.logger.warn("This is a warning")
    await io.logger.error("This is an error")
