"""Fakes of the vendors of the npm package's integrations: one small server in place of all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request to a vendor."""

    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Said = tuple[int, Any] | tuple[int, Any, dict[str, str]]
Says = Said | Callable[[Asked], Said]


@dataclass
class Vendors:
    """What vendors answer, and what they were asked.

    Attributes:
        url: Where they are.
    """

    url: str = ""
    _says: dict[str, list[Says]] = field(default_factory=dict[str, "list[Says]"])
    _asked: dict[str, list[Asked]] = field(default_factory=dict[str, "list[Asked]"])

    def say(self, route: str, *answers: Says) -> None:
        """Set what a route, such as ``POST api.stripe.com/v1/customers``, answers: each once, the last for good."""
        self._says[route] = list(answers)
        self._asked[route] = []

    def asked(self, route: str) -> list[Asked]:
        """What a route was asked, oldest first."""
        return self._asked[route]

    def answer(self, route: str, asked: Asked) -> Said:
        """Give what a route answers now."""
        says = self._says.get(route)
        if says is None:
            return 404, {"message": f"{route} is not faked"}
        self._asked[route].append(asked)
        now = says.pop(0) if len(says) > 1 else says[0]
        return now(asked) if callable(now) else now


def _handler(vendors: Vendors) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("transfer-encoding") == "chunked":
                body = self._chunks()
            vendor, path = self.headers.get("x-vendor", ""), self.path.partition("?")[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said, *more = vendors.answer(f"{self.command} {vendor}{path}", Asked(headers, body))
            sent = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(more[0] if more else {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def _chunks(self) -> bytes:
            read = b""
            while size := int(self.rfile.readline(), 16):
                read += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return read

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def vendors() -> Iterator[Vendors]:
    """Serve the fakes until the block ends."""
    fakes = Vendors()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fakes))
    fakes.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fakes
    finally:
        server.shutdown()
        thread.join(timeout=30)
        server.server_close()
