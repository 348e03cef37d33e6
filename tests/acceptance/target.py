"""A service in the test's own process, which outlives the programs that fetch from it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.acceptance.programs import BodyLog

if TYPE_CHECKING:
    from collections.abc import Iterator

URL_FILE = "target"
"""The file that tells a program where the service is."""


class Target(ThreadingHTTPServer):
    """Answers 9 to every request, once it has been noted; the path is the folder of the log to note it in.

    Attributes:
        is_silent: Whether requests get no answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.is_silent = False
        self.arrived = threading.Semaphore(0)
        self.ended = threading.Event()

    def announce(self, folder: Path) -> None:
        """Tell the program that runs in a folder where the service is."""
        (folder / URL_FILE).write_text(f"http://127.0.0.1:{self.server_port}{folder}", encoding="utf-8")


@contextmanager
def listening() -> Iterator[Target]:
    """Listen until the block ends."""
    with Target() as target:
        thread = threading.Thread(target=target.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield target
        finally:
            target.ended.set()
            target.shutdown()
            thread.join()


class _Answers(BaseHTTPRequestHandler):
    server: Target

    def do_POST(self) -> None:
        BodyLog(Path(unquote(self.path))).note_request(
            process=int(self.headers["X-Process"]), key=self.headers["Idempotency-Key"]
        )
        self.server.arrived.release()
        if self.server.is_silent:
            self.server.ended.wait()
            return
        body = json.dumps(9).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""
