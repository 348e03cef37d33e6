"""What the files hold."""

from __future__ import annotations

from typing import Final

JOBS: Final = '''"""The jobs of this app: each is a function whose tasks are done once, whatever happens in between."""

from perdure import IO, Client, event_trigger

client = Client(id="{client_id}")


@client.job(id="hello", name="Say hello", version="1.0.0", trigger=event_trigger("hello.requested"))
async def hello(payload: dict[str, str], io: IO) -> str:
    name = payload.get("name", "world")
    await io.logger.info("Somebody is to be greeted", {{"name": name}})
    greeting = await io.run_task("greeting", lambda: f"Hello, {{name}}!")
    await io.wait("a moment", 5)
    return greeting
'''

ENVIRONMENT: Final = {
    "PERDURE_DATABASE_URL": ("sqlite:///.perdure/perdure.db", "Where the runs are kept."),
    "PERDURE_API_KEY": (None, "What the API of the node is asked with. Keep it secret."),
}
"""The variables of ``.env``: value and remark; ``None``: a new key."""

IGNORED: Final = (".env", ".perdure/")

_LIFESPAN: Final = '''"""Runs the jobs beside the app, as long as it is served."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from {module} import client


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    async with client.start():
        yield
'''

_BACKGROUND: Final = '''"""Runs the jobs beside the app, in a thread, until the process ends."""

from {module} import client

node = client.start_background().open()
'''

GLUE: Final = {
    "fastapi": _LIFESPAN,
    "starlette": _LIFESPAN,
    "flask": _BACKGROUND,
    "django": _BACKGROUND,
}
"""What starts the jobs with the app, by the web framework."""

USE: Final = {
    "fastapi": "from perdure_start import lifespan; app = FastAPI(lifespan=lifespan)",
    "starlette": "from perdure_start import lifespan; app = Starlette(lifespan=lifespan)",
    "flask": "in gunicorn.conf.py: def post_worker_init(worker): import perdure_start",
    "django": "import perdure_start, at the end of wsgi.py",
}
"""What is to be added to the app."""
