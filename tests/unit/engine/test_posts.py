from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from msgspec import structs

from perdure.engine.deliveries import ATTEMPTS, delay_after
from perdure.engine.directory import Directory
from perdure.engine.posts import POST_SECONDS, Poster, signed_headers
from perdure.engine.requesters import Requesters
from perdure.errors import FetchFailedError
from perdure.protocol.execution import JsonText
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.storage.notifications import Notification
from tests.engine.clock import ManualClock
from tests.transport.sending import sending
from tests.transport.server import redirect, response, serving

BODY = '{"id":"run_1","ok":true,"output":"größer"}'
TOLD = Notification(1, "run_1.4", 1, "job", "https://example.com/hook", JsonText(BODY), 1, 1)


class Sender:
    """Keeps what it is to send, and answers with one status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.sent: list[OutboundRequest] = []

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        self.sent.append(request)
        return OutboundResponse(self.status, (), b"")

    async def close(self) -> None: ...


def requesters(sender: Sender) -> Requesters:
    return Requesters(lambda _: sender, Directory())


def test_the_headers_are_those_of_the_protocol_and_of_standard_webhooks() -> None:
    body = BODY.encode()
    headers = dict(signed_headers(body, key="tr_dev_1", id="run_1.4", seconds=1735689600))
    signed = b"run_1.4.1735689600." + body
    assert headers == {
        "Content-Type": "application/json",
        "X-Trigger-Signature-256": hmac.new(b"tr_dev_1", body, sha256).hexdigest(),
        "Webhook-Id": "run_1.4",
        "Webhook-Timestamp": "1735689600",
        "Webhook-Signature": "v1," + b64encode(hmac.new(b"tr_dev_1", signed, sha256).digest()).decode(),
    }


async def test_a_notification_is_posted_with_the_time_of_the_attempt() -> None:
    clock, sender = ManualClock(), Sender(204)
    clock.advance(7.5)
    await Poster(requesters(sender), clock, lambda _: "key").post(TOLD)
    (request,) = sender.sent
    assert (request.method, request.url, request.body) == ("POST", TOLD.url, BODY.encode())
    assert request.timeout == POST_SECONDS
    seconds = int((datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=7)).timestamp())
    assert request.headers == signed_headers(BODY.encode(), key="key", id=TOLD.id, seconds=seconds)


@pytest.mark.parametrize("status", [199, 300, 304, 400, 404, 410, 500, 503])
async def test_what_is_answered_with_another_status_than_2xx_was_not_taken(status: int) -> None:
    with pytest.raises(FetchFailedError, match=str(status)):
        await Poster(requesters(Sender(status)), ManualClock(), lambda _: "key").post(TOLD)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Elsewhere", "308 Moved"])
async def test_a_redirect_of_the_receiver_takes_the_end_of_no_run_for_told(status: str) -> None:
    async with (
        serving(response()) as elsewhere,
        serving(redirect(elsewhere.origin, status=status)) as receiver,
        sending() as outbound,
    ):
        told = structs.replace(TOLD, url=receiver.origin)
        with pytest.raises(FetchFailedError, match=rf"{status[:3]}\. Redirects are not followed: give the URL"):
            await Poster(Requesters(lambda _: outbound, Directory()), ManualClock(), lambda _: "key").post(told)
    assert (len(receiver.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_says_that_it_was_taken(status: int) -> None:
    await Poster(requesters(Sender(status)), ManualClock(), lambda _: "key").post(TOLD)


def test_the_delays_between_attempts_are_those_of_the_protocol() -> None:
    seconds = [round(delay_after(attempts).total_seconds(), 1) for attempts in range(1, ATTEMPTS)]
    assert seconds == [2.7, 7.4, 20.1, 54.6, 148.4, 403.4, 1096.6, 2981.0, 8103.1, 22026.5, 22026.5, 22026.5]
