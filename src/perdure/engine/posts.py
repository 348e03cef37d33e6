"""Telling URLs of the ends of runs: signed POST requests (v2 protocol, section 6.10)."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from perdure.errors import FetchFailedError
from perdure.protocol.outbound import OutboundRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.engine.clock import Clock
    from perdure.engine.requesters import Requesters
    from perdure.storage.notifications import Notification

POST_SECONDS = 30.0
"""How long a receiver may take to answer."""


class Poster:
    """Sends notifications to their URLs.

    Args:
        requesters: Send the requests of environments.
        clock: The time, which a signature covers.
        signing_key_of: Gives the key of an environment's signatures, a text.
    """

    def __init__(self, requesters: Requesters, clock: Clock, signing_key_of: Callable[[int], str]) -> None:
        self._requesters = requesters
        self._clock = clock
        self._signing_key_of = signing_key_of

    def check(self, environment_no: int, url: str) -> None:
        """Refuse a URL that can be seen to be none of those that requests are sent to.

        Raises:
            RunError: It is none.
        """
        self._requesters.check(environment_no, OutboundRequest("POST", url, timeout=POST_SECONDS))

    async def post(self, notification: Notification) -> None:
        """Send a notification.

        Raises:
            FetchFailedError: The receiver did not take it.
            RunError: It could not be sent.
        """
        assert notification.url is not None
        body = notification.body.encode()
        whose = notification.environment_no
        headers = signed_headers(
            body, key=self._signing_key_of(whose), id=notification.id, seconds=int(self._clock.now().timestamp())
        )
        response = await self._requesters.of(whose).request(
            # Most redirects would be followed without the body, and whatever answers there taken for the receiver.
            OutboundRequest("POST", notification.url, headers, body, POST_SECONDS, follows=False)
        )
        if not 200 <= response.status < 300:
            said = f"The receiver answered {response.status}."
            if any(name == "location" for name, _ in response.headers):
                said += " Redirects are not followed: give the URL that it leads to."
            raise FetchFailedError(said, status=response.status)


def signed_headers(body: bytes, *, key: str, id: str, seconds: int) -> tuple[tuple[str, str], ...]:
    """Give the headers of a notification.

    Args:
        body: The body, to the byte.
        key: What both signatures are made with.
        id: Names the notification; the same in every attempt.
        seconds: The time of this attempt, in seconds since 1970.

    Returns:
        That of the v2 protocol, and those of Standard Webhooks.
    """
    secret = key.encode()
    covered = b"%s.%d.%s" % (id.encode(), seconds, body)
    return (
        ("Content-Type", "application/json"),
        ("X-Trigger-Signature-256", hmac.new(secret, body, sha256).hexdigest()),
        ("Webhook-Id", id),
        ("Webhook-Timestamp", str(seconds)),
        ("Webhook-Signature", f"v1,{b64encode(hmac.new(secret, covered, sha256).digest()).decode()}"),
    )
