"""Have a screenshot taken, and go on when the service calls back."""

import os

import aiohttp
from pydantic import BaseModel

from perdure import IO, Client, event_trigger

SCREENSHOT_API = os.environ.get("SCREENSHOT_API", "https://api.screenshotone.com/take")

client = Client(id="task-library")


class ScreenshotResponse(BaseModel):
    store: dict[str, str]


@client.job(id="screenshot", name="Screenshot", version="1.0.0", trigger=event_trigger("screenshot.start"))
async def screenshot(payload: dict[str, str], io: IO) -> str:
    async def take(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await session.post(
                SCREENSHOT_API,
                json={
                    "webhook_url": url,  # the URL that will be called when the screenshot is ready
                    "access_key": "my-access-key",
                    "url": "https://trigger.dev",
                    "store": "true",
                    "storage_path": "my-screenshots",
                    "response_type": "json",
                    "async": "true",
                    "storage_return_location": "true",
                },
            )

    result = await io.wait_for_request(
        "📸",
        take,
        timeout=300,  # wait up to 5 minutes for the screenshot to be ready
        as_type=ScreenshotResponse,
    )
    return result.store["location"]
