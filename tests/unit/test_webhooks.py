"""Verifying signatures: what vendors publish as examples passes, and whatever differs from it does not."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import HttpRequest, VerifyResult, webhooks
from perdure.errors import InvalidArgumentError

GITHUB = "It's a Secret to Everybody"
SLACK = "8f742231b10e8888abcd99yyyzzz85a5"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SLACK_BODY = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&"
    "user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
    "803a0bc887a14d10d2c447fce8b6703c"
)
PASSED = VerifyResult(True)


def received(body: str, at: int = 1614265330, **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest("POST", "https://h/p", named, body, received_at=datetime.fromtimestamp(at, UTC))


def standard_request(**changes: Any) -> HttpRequest:
    return received(
        **{
            "body": '{"test": 2432232314}',
            "webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook_timestamp": "1614265330",
            "webhook_signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            **changes,
        }
    )


def github_request(**changes: Any) -> HttpRequest:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    return received(**{"body": "Hello, World!", "x_hub_signature_256": signature, **changes})


def slack_request(**changes: Any) -> HttpRequest:
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    sent = {"x_slack_signature": signature, "x_slack_request_timestamp": "1531420618"}
    return received(**{"body": SLACK_BODY, "at": 1531420618, **sent, **changes})


def stripe_request(secret: str = "whsec_stripe", **changes: Any) -> HttpRequest:
    signature = hmac.new(secret.encode(), b'1614265330.{"id":"evt_1"}', hashlib.sha256).hexdigest()
    header = f"t=1614265330,v1={'0' * 64},v1={signature},v0=x"
    return received(**{"body": '{"id":"evt_1"}', "stripe_signature": header, **changes})


def shopify_request(**changes: Any) -> HttpRequest:
    signature = b64encode(hmac.new(b"hush", b"{}", hashlib.sha256).digest()).decode()
    return received(**{"body": "{}", "x_shopify_hmac_sha256": signature, **changes})


VENDORS = [
    pytest.param(webhooks.standard(STANDARD), standard_request, id="standard"),
    pytest.param(webhooks.github(GITHUB), github_request, id="github"),
    pytest.param(webhooks.slack(SLACK), slack_request, id="slack"),
    pytest.param(webhooks.stripe("whsec_stripe"), stripe_request, id="stripe"),
    pytest.param(webhooks.shopify("hush"), shopify_request, id="shopify"),
]
TIMED = [VENDORS[0], VENDORS[2], VENDORS[3]]


@pytest.mark.parametrize(("verify", "request_of"), VENDORS)
def test_what_the_vendor_sends_passes(verify: webhooks.Verifier, request_of: Any) -> None:
    assert verify(request_of()) == PASSED


@pytest.mark.parametrize(("verify", "request_of"), VENDORS)
def test_another_body_or_no_signature_does_not(verify: webhooks.Verifier, request_of: Any) -> None:
    assert verify(request_of(body="{ }")) == VerifyResult(False, "Failed sha256 verification")
    bare = HttpRequest("POST", "https://h/p", {}, request_of().raw_body)
    assert verify(bare) == VerifyResult(False, "Missing header")


@pytest.mark.parametrize(("verify", "request_of"), TIMED)
@pytest.mark.parametrize("seconds", [-301, -300, 300, 301])
def test_a_signed_time_may_differ_by_five_minutes_from_when_the_request_came(
    verify: webhooks.Verifier, request_of: Any, seconds: int
) -> None:
    request = request_of()
    assert request.received_at is not None
    at = int((request.received_at + timedelta(seconds=seconds)).timestamp())
    assert verify(request_of(at=at)).success is (abs(seconds) == 300)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_signature": ""},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook_signature": "v1,G0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook_signature": "v1,é" + "x" * 5000},
        {"webhook_timestamp": "1614265331"},
        {"webhook_timestamp": "1614265330 "},
        {"webhook_timestamp": "-1614265330"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_timestamp": "¹²³"},
        {"webhook_timestamp": "NaN"},
        {"webhook_id": "msg_other"},
        {"webhook_id": ""},
    ],
)
def test_whatever_is_changed_does_not_pass(changes: dict[str, str]) -> None:
    assert not webhooks.standard(STANDARD)(standard_request(**changes)).success


def test_one_of_several_signatures_and_one_of_several_secrets_are_enough() -> None:
    signatures = f"v1,{'x' * 44} {standard_request().headers['webhook-signature']} v1a,other"
    assert webhooks.standard(["another", STANDARD])(standard_request(webhook_signature=signatures)) == PASSED
    assert not webhooks.standard(["another"])(standard_request(webhook_signature=signatures)).success


def test_the_names_that_svix_gives_its_headers_are_known() -> None:
    request = standard_request()
    headers = {name.replace("webhook-", "svix-"): value for name, value in request.headers.items()}
    assert (
        webhooks.standard(STANDARD)(
            HttpRequest("POST", request.url, headers, request.raw_body, received_at=request.received_at)
        )
        == PASSED
    )


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "{}=", "hmac-{}="])
def test_a_plain_hmac_is_compared_as_it_is_written(algorithm: Any, encoding: Any, prefix: str) -> None:
    digest = hmac.new(b"s", b"\xff\x00", algorithm).digest()
    text = digest.hex().upper() if encoding == "hex" else b64encode(digest).decode()
    verify = webhooks.hmac("s", header="X-Mine", encoding=encoding, algorithm=algorithm)
    body = b64encode(b"\xff\x00").decode()
    request = HttpRequest("POST", "https://h/p", {"x-mine": prefix.format(algorithm) + text}, "?", body)
    assert verify(request) == PASSED


@pytest.mark.parametrize("secret", ["", None, [], ["a", ""], [1], b"bytes"])
@pytest.mark.parametrize("helper", ["standard", "github", "stripe", "slack", "shopify", "hmac"])
def test_a_secret_that_is_missing_is_refused_where_it_is_declared(helper: str, secret: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="There is no secret"):
        getattr(webhooks, helper)(secret)


def test_what_cannot_be_verified_with_is_refused() -> None:
    for options in ({"encoding": "binary"}, {"algorithm": "md5"}):
        with pytest.raises(InvalidArgumentError, match="is one of"):
            webhooks.hmac("s", **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="base64"):
        webhooks.standard("whsec_é")
