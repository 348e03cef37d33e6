"""Show how far a run has got."""

from perdure import IO, Client, event_trigger

client = Client(id="task-library")


@client.job(id="create-status", name="Create a status", version="1.0.0", trigger=event_trigger("images.start"))
async def generate(payload: dict[str, str], io: IO) -> int:
    status = await io.create_status("images", label="Generating images", state="loading", data={"progress": 0})
    await io.run_task("🖼️", lambda: "1.png")
    await status.update("half", data={"progress": 0.5})
    await io.run_task("🖼️🖼️", lambda: "2.png")
    await status.update("done", label="Generated images", state="success", data={"progress": 1})
    return 2
