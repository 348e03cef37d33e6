"""Apps behind each framework, asked without a server."""

from __future__ import annotations

import asyncio
import base64
import io
import sys
from collections.abc import Callable
from typing import Any
from wsgiref.validate import validator

import django
from django.conf import settings
from fastapi import FastAPI
from flask import Flask

from perdure import Client
from perdure.adapters import aws_lambda
from perdure.adapters import django as django_adapter
from perdure.adapters import fastapi as fastapi_adapter
from perdure.adapters import flask as flask_adapter

Asked = tuple[int, dict[str, str], bytes]
Ask = Callable[[str, dict[str, str], bytes], Asked]
PATH = "/api/trigger"


def ask_asgi(app: Any, method: str, path: str, headers: dict[str, str], body: bytes) -> Asked:
    sent: list[Any] = []
    requests = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        if requests:
            return requests.pop()
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "server": ("localhost", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], given, b"".join(message.get("body", b"") for message in sent[1:])


def ask_wsgi(app: Any, method: str, path: str, headers: dict[str, str], body: bytes) -> Asked:
    said: list[Any] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value

    def start_response(status: str, given: Any, error: Any = None) -> Any:
        said.append((int(status[:3]), {name.lower(): value for name, value in given}))
        return lambda _: None

    answer = app(environ, start_response)
    content = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return (*said[0], content)


def _by_asgi(client: Client) -> Ask:
    app = client.asgi()
    return lambda method, headers, body: ask_asgi(app, method, PATH, headers, body)


def _by_fastapi(client: Client) -> Ask:
    app = FastAPI()
    app.include_router(fastapi_adapter.router(client), prefix="/behind")
    return lambda method, headers, body: ask_asgi(app, method, f"/behind{PATH}", headers, body)


def _by_wsgi(client: Client) -> Ask:
    app = validator(client.wsgi())
    return lambda method, headers, body: ask_wsgi(app, method, PATH, headers, body)


def _by_flask(client: Client) -> Ask:
    app = Flask(__name__)
    app.register_blueprint(flask_adapter.blueprint(client))
    return lambda method, headers, body: ask_wsgi(app, method, PATH, headers, body)


def _by_django(client: Client) -> Ask:
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DATA_UPLOAD_MAX_MEMORY_SIZE=None,
            MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        )  # fmt: skip
        django.setup()
    from django.core.wsgi import get_wsgi_application
    from django.urls import clear_url_caches

    globals()["urlpatterns"] = django_adapter.urlpatterns(client)
    clear_url_caches()
    app = get_wsgi_application()
    return lambda method, headers, body: ask_wsgi(app, method, PATH, headers, body)


def _by_lambda(version: str) -> Callable[[Client], Ask]:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    def make(client: Client) -> Ask:
        answer = aws_lambda.handler(client)

        def ask(method: str, headers: dict[str, str], body: bytes) -> Asked:
            event: dict[str, Any] = {
                "headers": {name.title(): value for name, value in headers.items()},
                "body": base64.b64encode(body).decode(),
                "isBase64Encoded": True,
            }
            if version == "1.0":
                event |= {"httpMethod": method, "path": PATH}
            else:
                event |= {"version": "2.0", "rawPath": f"/prod{PATH}", "requestContext": {"http": {"method": method}}}
            said = answer(event, Context())
            return said["statusCode"], said["headers"], said["body"].encode()

        return ask

    return make


WAYS: dict[str, Callable[[Client], Ask]] = {
    "asgi": _by_asgi, "fastapi": _by_fastapi, "wsgi": _by_wsgi, "flask": _by_flask, "django": _by_django,
    "api-gateway-v1": _by_lambda("1.0"), "function-url": _by_lambda("2.0"),
}  # fmt: skip
