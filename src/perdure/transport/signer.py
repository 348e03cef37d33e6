"""What a request shows a server: the API key, or a signature that only its holder can make."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

from perdure.protocol.signing import CALL_SCHEME, call_secret
from perdure.protocol.task_line import line_secret
from perdure.transport.signatures import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Signer:
    """Says in a request whose it is.

    Args:
        api_key: The key.
        is_signing: Whether the key is not shown, not even to a server of which nothing is known.
        unix_time: Gives the time in seconds since 1970.

    Attributes:
        is_signing: Whether requests are signed. From when on the server is known to be perdure's they are: whoever
            then says that it is none is not shown the key.
    """

    def __init__(self, api_key: str, *, is_signing: bool = False, unix_time: Callable[[], float] = time.time) -> None:
        self.is_signing = is_signing
        self._api_key = api_key
        self._unix_time = unix_time
        self._scheme = f"{CALL_SCHEME} {sha256(api_key.encode()).hexdigest()}"

    def headers(
        self, method: str, target: str, *, body: bytes | None, headers: Iterable[tuple[str, str]] = ()
    ) -> dict[str, str]:
        """Give the headers that say who asks.

        Args:
            method: The request's method, in capitals.
            target: Its path as it is sent, with the query.
            body: Its body.
            headers: Its other headers.
        """
        if not self.is_signing:
            return {"Authorization": f"Bearer {self._api_key}"}
        secret = call_secret(self._api_key, method=method, target=target, headers=headers)
        return {"Authorization": self._scheme, **sign(secret, body or b"", self._unix_time)}

    def line_secret(self, signed_id: str) -> bytes:
        """Make the secret of the task line that a request with that id opens."""
        return line_secret(self._api_key, signed_id)
