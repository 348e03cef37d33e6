"""Ask a slow API, with a secret in a header."""

import os

from pydantic import BaseModel

from perdure import IO, Client, event_trigger, redact_string

ENDPOINT = os.environ.get("EXAMPLE_API", "https://example.com/api/endpoint")
API_KEY = os.environ.get("EXAMPLE_API_KEY", "my-api-key")

client = Client(id="task-library")


class MyResponseData(BaseModel):
    foo: str


@client.job(id="background-fetch", name="Background fetch", version="1.0.0", trigger=event_trigger("fetch.start"))
async def fetch(payload: dict[str, str], io: IO) -> str:
    body = await io.background_fetch(
        "🕸️",
        ENDPOINT,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "Authorization": redact_string("Bearer {}", API_KEY),
        },
        json={"foo": "bar"},
        as_type=MyResponseData,
    )
    return body.foo
