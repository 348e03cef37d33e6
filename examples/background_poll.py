"""Ask again and again until the answer is there."""

import os

from pydantic import BaseModel

from perdure import IO, Client, event_trigger

ENDPOINT = os.environ.get("EXAMPLE_API", "https://example.com/api/endpoint")

client = Client(id="task-library")


class Result(BaseModel):
    foo: str


@client.job(id="background-poll", name="Background poll", version="1.0.0", trigger=event_trigger("poll.start"))
async def poll(payload: dict[str, str], io: IO) -> str:
    result = await io.background_poll(
        "🔃",
        ENDPOINT,
        interval=10,  # every 10 seconds
        timeout=300,  # stop polling after 5 minutes
        response_filter={
            # stop polling once this filter matches
            "status": [200],
            "body": {
                "status": ["SUCCESS"],
            },
        },
        as_type=Result,
    )
    return result.foo
