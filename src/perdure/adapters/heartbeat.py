"""Signs of life, from a thread of their own: code that blocks the event loop does not keep them back."""

from __future__ import annotations

import threading
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from perdure.protocol.api_json import encode
from perdure.protocol.worker_messages import WorkerBeat
from perdure.transport.signer import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.transport.node_target import Target

BEAT_SECONDS: Final = 5.0
"""How often a worker gives a sign of life."""

_TIMEOUT: Final = 5.0


class Heartbeat:
    """Gives signs of life until it is stopped.

    Args:
        target: The server.
        path: Where they go.
        worker_id: Who gives them.
        taken: Gives the last action that the event loop has taken: by it the server sees that the loop is blocked.
    """

    def __init__(self, target: Target, path: str, worker_id: str, *, taken: Callable[[], int]) -> None:
        self._url = target.url + path
        self._path = path
        self._worker_id = worker_id
        self._taken = taken
        # Only servers of perdure's know of workers.
        self._signer = Signer(target.api_key, is_signing=True)
        self._opener = build_opener(ProxyHandler({}))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perdure-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give no more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                with self._opener.open(self._beat(), timeout=_TIMEOUT) as answer:
                    answer.read()
            except HTTPError as error:
                error.close()
            except (OSError, HTTPException):
                # Whether there is a connection is seen where it is used.
                continue

    def _beat(self) -> Request:
        body = encode(WorkerBeat(self._worker_id, taken=self._taken()))
        shown = self._signer.headers("POST", self._path, body=body)
        return Request(self._url, body, {**shown, "Content-Type": "application/json"}, method="POST")
