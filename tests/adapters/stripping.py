"""A proxy in front of a server that takes everything off which says that either side is perdure's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SECONDS = 60


@contextmanager
def stripping(url: str) -> Iterator[str]:
    """Serve a proxy until the block ends; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {name: value for name, value in self.headers.items() if not _is_ours(name)}
            request = Request(url + self.path, body, headers, method=self.command)
            try:
                with urlopen(request, timeout=SECONDS) as answer:
                    self._answer(answer.status, answer.headers, answer.read())
            except HTTPError as error:
                with error:
                    self._answer(error.code, error.headers, error.read())

        def _answer(self, status: int, headers: Any, body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if not _is_ours(name) and name.lower() not in ("content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _relay

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _is_ours(name: str) -> bool:
    return name.lower().startswith("perdure") or name.lower() in ("host", "user-agent")
