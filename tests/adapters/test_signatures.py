"""What passes between a server of perdure's and an app of perdure's is signed, and the key is not shown.

The two ends are the real ones; what lies between them is a list of the requests, which may be changed on their way.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Raw
from msgspec.structs import replace

from perdure import Client, HttpRequest, invoke_trigger, webhooks
from perdure.adapters.exchange import AppRequest
from perdure.adapters.handler import AppHandler
from perdure.errors import FetchFailedError
from perdure.protocol.execution import Abandoned, Succeeded
from perdure.protocol.messages.delivery import SourceDelivery
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.signing import TOLERANCE_SECONDS, signature_of
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from perdure.transport.seen_requests import SeenRequests
from tests.transport.asking import REQUEST

KEY = "tr_dev_signed0signed0signed"
NOW = 1_767_323_045


class Between:
    """Hands requests to an app, and keeps them.

    Attributes:
        sent: What was sent.
        change: What is done to a request on its way.
        is_plain: Whether everything is taken away by which an app is known to be perdure's.
        executed: How often the app's job was executed.
    """

    def __init__(self, key: str = KEY) -> None:
        self.sent: list[OutboundRequest] = []
        self.change: Callable[[OutboundRequest], OutboundRequest] = lambda request: request
        self.is_plain = False
        self.executed = 0
        client = Client(id="shop", api_key=key, api_url="http://127.0.0.1:9")

        @client.job(id="job", version="1.0.0", trigger=invoke_trigger())
        async def job(_payload: Any) -> None:
            self.executed += 1

        self.handler = AppHandler(client)

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        self.sent.append(request)
        request = self.change(request)
        headers = {name.lower(): value for name, value in request.headers}
        answer = await self.handler.handle(AppRequest("POST", headers, request.body or b""))
        given = tuple(answer.headers.items())
        if self.is_plain:
            given = tuple(header for header in given if not header[0].startswith("perdure"))
        return OutboundResponse(answer.status, given, answer.body)

    def last(self, name: str) -> str | None:
        """A header of what was sent last."""
        return dict(self.sent[-1].headers).get(name)


def endpoint(between: Between, *keys: str, late: int = 0, is_signed: bool = False) -> HttpEndpoint:
    async def listens(*_: Any) -> None: ...

    def unix_time() -> float:
        return datetime.now(UTC).timestamp() - late

    link = AppLink(
        "shop", "http://h/api/trigger", api_keys=lambda: keys or (KEY,), requester=between, is_signed=is_signed,
        unix_time=unix_time,
    )  # fmt: skip
    return HttpEndpoint(link, now=lambda: datetime.now(UTC), monotonic=lambda: 0.0, listens=listens)


async def test_from_when_on_an_app_is_known_to_be_perdures_it_is_not_shown_the_key() -> None:
    between = Between()
    app = endpoint(between)

    await app.ping()
    assert between.last("x-trigger-api-key") == KEY
    for _ in range(2):
        assert await app.execute(REQUEST) == Succeeded(None)

    assert between.executed == 2
    assert all(KEY not in value for request in between.sent[1:] for _, value in request.headers)


async def test_an_app_of_v2_is_shown_the_key_and_nothing_else() -> None:
    between = Between()
    between.is_plain = True
    app = endpoint(between)

    for _ in range(2):
        await app.execute(REQUEST)

    assert between.last("x-trigger-api-key") == KEY
    assert between.last("webhook-signature") is None


def derived(key: str) -> bytes:
    """The secret of the app, as any library derives it."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"endpoint:shop").derive(key.encode())


async def asked_by_another(key: str, action: str, **changed: str) -> tuple[int, Any]:
    """What an app answers to a request that was signed by something else than perdure."""
    at, body, signed_id = str(int(datetime.now(UTC).timestamp())), b"", "msg_of_another_kind"
    headers = {
        "perdure-version": "9", "x-trigger-action": action, "webhook-id": signed_id, "webhook-timestamp": at,
        "webhook-signature": signature_of(derived(key), signed_id=signed_id, at=at, body=body), **changed,
    }  # fmt: skip
    answer = await Between().handler.handle(AppRequest("POST", headers, body))
    return answer.status, json.loads(answer.body)


async def test_whoever_derives_the_secret_of_an_app_may_sign() -> None:
    assert await asked_by_another(KEY, "VALIDATE") == (200, {"ok": True, "endpointId": "shop"})
    for refused in (asked_by_another(KEY + "x", "VALIDATE"), asked_by_another(KEY, "VALIDATE", **{"webhook-id": "m"})):
        status, said = await refused
        assert (status, said["code"]) == (401, "invalid_signature")


async def test_no_end_of_what_was_signed_passes_for_a_body_of_its_own() -> None:
    between, at = Between(), str(int(datetime.now(UTC).timestamp()))
    await endpoint(between, is_signed=True).execute(REQUEST)
    wanted = between.sent[0].body or b""
    # Whoever sends something to a source of the app writes what is delivered there.
    signature = signature_of(derived(KEY), signed_id="msg_1", at=at, body=f"{at}.".encode() + wanted)
    headers = {
        "x-trigger-action": "EXECUTE_JOB", "webhook-id": f"msg_1.{at}", "webhook-timestamp": at,
        "webhook-signature": signature,
    }  # fmt: skip

    answer = await between.handler.handle(AppRequest("POST", headers, wanted))

    assert (answer.status, json.loads(answer.body)["code"]) == (401, "invalid_signature")
    assert between.executed == 1


async def test_any_library_of_standard_webhooks_verifies_a_signature() -> None:
    between = Between()
    app = endpoint(between, is_signed=True)
    await app.execute(REQUEST)
    (sent,) = between.sent
    headers = {name.lower(): value for name, value in sent.headers}
    secret = derived(KEY)

    request = HttpRequest("POST", "http://h/", headers, (sent.body or b"").decode(), received_at=datetime.now(UTC))

    assert webhooks.standard("whsec_" + b64encode(secret).decode())(request).success


async def test_a_key_that_is_exchanged_is_found_again() -> None:
    between = Between()
    app = endpoint(between, "tr_dev_old", KEY, "tr_dev_other", is_signed=True)

    assert await app.execute(REQUEST) == Succeeded(None)
    assert len(between.sent) == 2
    assert await app.execute(REQUEST) == Succeeded(None)
    assert len(between.sent) == 3


def _without_signature(request: OutboundRequest) -> OutboundRequest:
    return replace(request, headers=tuple(one for one in request.headers if one[0] != "webhook-signature"))


def _changed(name: str, value: str) -> Callable[[OutboundRequest], OutboundRequest]:
    def change(request: OutboundRequest) -> OutboundRequest:
        return replace(request, headers=tuple((n, value if n == name else v) for n, v in request.headers))

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_without_signature, id="no signature"),
        pytest.param(_changed("webhook-signature", "v1,AAAA"), id="another signature"),
        pytest.param(_changed("webhook-signature", "é \x00 v1,"), id="no text of a signature"),
        pytest.param(_changed("webhook-id", "msg_other"), id="another id"),
        pytest.param(_changed("webhook-id", "m" * 65), id="a long id"),
        pytest.param(_changed("webhook-timestamp", "1"), id="another time"),
        pytest.param(_changed("webhook-timestamp", "9" * 5000), id="no time"),
        pytest.param(_changed("x-trigger-action", "RUN_NOTIFICATION"), id="another action"),
        pytest.param(lambda request: replace(request, body=request.body + b" "), id="another body"),
    ],
)
async def test_a_request_that_was_changed_on_its_way_is_not_done_and_its_run_waits(change: Any) -> None:
    between = Between()
    app = endpoint(between, is_signed=True)
    between.change = change

    result = await app.execute(REQUEST)

    assert isinstance(result, Abandoned)
    assert result.no_code
    assert between.executed == 0


async def test_headers_of_a_delivery_are_signed_with_it() -> None:
    between = Between()
    app = endpoint(between, is_signed=True)
    delivery = SourceDelivery(
        key="k",
        secret="s",
        params=Raw(b"{}"),
        data=Raw(b"{}"),
        http_url="http://h/é",
        http_method="POST",
        http_headers={},
    )
    between.change = _changed("x-ts-secret", "another")

    with pytest.raises(FetchFailedError, match="signed for another action, or another delivery"):
        await app.deliver_source(delivery, b"raw")


@pytest.mark.parametrize("late", [TOLERANCE_SECONDS + 5, -TOLERANCE_SECONDS - 5])
async def test_a_request_of_another_time_is_not_done(late: int) -> None:
    between = Between()

    result = await endpoint(between, late=late, is_signed=True).execute(REQUEST)

    assert isinstance(result, Abandoned)
    assert "Set the clocks of both machines" in result.reason
    assert between.executed == 0


async def test_a_request_that_comes_again_is_not_done_again() -> None:
    between = Between()
    app = endpoint(between, is_signed=True)
    await app.execute(REQUEST)

    again = await between.request(between.sent[0])

    assert (again.status, json.loads(again.body)["code"]) == (401, "replayed")
    assert between.executed == 1
    await app.index()
    assert (await between.request(between.sent[-1])).status == 200


async def test_an_app_that_verifies_signatures_no_more_is_not_shown_the_key_for_it() -> None:
    between = Between()
    app = endpoint(between)
    await app.ping()

    def claim(request: OutboundRequest) -> OutboundRequest:
        return replace(request, headers=tuple(one for one in request.headers if not one[0].startswith("webhook-")))

    between.change, between.is_plain = claim, True
    for _ in range(2):
        result = await app.execute(REQUEST)
        assert isinstance(result, Abandoned)
        assert "register it anew" in result.reason
    assert all(KEY not in value for request in between.sent[1:] for _, value in request.headers)


async def test_an_app_that_takes_signed_requests_only_is_sent_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_REQUIRE_SIGNATURES", "1")
    between = Between()

    assert await endpoint(between).execute(REQUEST) == Succeeded(None)

    shown = [dict(request.headers).get("x-trigger-api-key") for request in between.sent]
    assert (shown, between.executed) == ([KEY, None], 1)


async def test_a_signed_request_for_an_unknown_action_is_refused() -> None:
    between = Between()
    app: Any = endpoint(between, is_signed=True)

    class Unknown:
        value = "../"

    answer = await app._link.post(Unknown())

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "unknown_action")


def test_as_many_requests_are_remembered_as_there_is_room_and_older_ones_are_refused() -> None:
    seen = SeenRequests(most=2)
    taken = [seen.take(str(number), NOW + number, now=NOW) for number in range(4)]

    assert taken == [True] * 4
    assert not seen.take("0", NOW, now=NOW)
    assert not seen.take("new", NOW + 1, now=NOW)
    assert seen.take("new", NOW + 3, now=NOW)
