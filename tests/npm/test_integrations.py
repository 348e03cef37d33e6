"""The integrations of the npm package, unchanged, against fakes of their vendors."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.npm.api import KEY, PATIENCE, Api, request
from tests.npm.conftest import NODE, running
from tests.npm.fakes import Asked, Said, Vendors, vendors

HOOKS = "POST api.github.com/repos/acme/shop/hooks"
STRIPE_HOOKS = "POST api.stripe.com/v1/webhook_endpoints"
QUERY = "POST api.supabase.com/v1/projects/project/database/query"
OPENAI = "POST api.openai.com/v1/chat/completions"
COMPLETION = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip
ISSUES = "POST api.github.com/repos/acme/shop/issues"
TODOS = "POST supabase.co/rest/v1/todos"

WORKING = [
    ("openai", OPENAI, (200, COMPLETION), "Hello", "Bearer openai-key"),
    ("openai-background", OPENAI, (200, COMPLETION), "Hello", "Bearer openai-key"),
    ("stripe", "POST api.stripe.com/v1/customers", (200, {"id": "cus_1", "object": "customer"}), "cus_1",
     "Bearer stripe-key"),
    ("slack", "POST slack.com/api/chat.postMessage", (200, {"ok": True, "ts": "1.2"}), "1.2", "Bearer slack-token"),
    ("resend", "POST api.resend.com/emails", (200, {"id": "mail_1"}), "mail_1", "Bearer resend-key"),
    ("github", ISSUES, (201, {"number": 7}), 7, "token github-token"),
    ("sendgrid", "POST api.sendgrid.com/v3/mail/send", (202, None), "sent", "Bearer SG.sendgrid-key"),
    ("supabase", TODOS, (201, [{"id": 1, "title": "Write"}]), [{"id": 1, "title": "Write"}], "Bearer supabase-key"),
]  # fmt: skip

BUSY: dict[str, Said] = {
    "openai": (500, {"error": {"message": "busy"}}),
    "openai-background": (500, {"error": {"message": "busy"}}),
    "stripe": (500, {"error": {"message": "busy", "type": "api_error"}}),
    "slack": (200, {"ok": False, "error": "internal_error"}),
    "resend": (500, {"name": "application_error", "message": "busy", "statusCode": 500}),
    "github": (502, {"message": "busy"}),
    "sendgrid": (500, {"errors": [{"message": "busy"}]}),
    "supabase": (503, {"message": "busy", "code": "57P03", "details": None, "hint": None}),
}

REFUSING = [
    ("openai", OPENAI, (401, {"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}), 1,
     "Incorrect API key"),
    ("openai-background", OPENAI, (401, {"error": {"message": "Incorrect API key"}}), 1, "Incorrect API key"),
    ("stripe-twice", "POST api.stripe.com/v1/charges",
     (402, {"error": {"message": "Your card was declined.", "type": "card_error", "code": "card_declined"}}), 2,
     "Your card was declined."),
    ("slack-twice", "POST slack.com/api/chat.postMessage", (200, {"ok": False, "error": "channel_not_found"}), 2,
     "channel_not_found"),
    ("resend", "POST api.resend.com/emails",
     (422, {"name": "validation_error", "message": "Invalid `to` field", "statusCode": 422}), 1, "Invalid `to` field"),
    ("github-twice", "GET api.github.com/repos/acme/none", (404, {"message": "Not Found"}), 2, "Not Found"),
    ("supabase-twice", TODOS, (409, {"message": "duplicate key", "code": "23505", "details": None, "hint": None}), 2,
     "duplicate key"),
]  # fmt: skip


def _hook_of_github(asked: Asked) -> Said:
    wanted = asked.json()
    return 201, {"id": 1, "active": True, "events": wanted["events"], "config": wanted["config"]}


def _hook_of_stripe(asked: Asked) -> Said:
    wanted = parse_qs(asked.body.decode())
    names = [value for name, values in wanted.items() if name.startswith("enabled_events") for value in values]
    return 200, {
        "id": "we_1", "object": "webhook_endpoint", "api_version": None, "application": None, "created": 1,
        "description": None, "enabled_events": names, "livemode": False, "metadata": {}, "status": "enabled",
        "url": wanted["url"][0], "secret": "whsec_stripe",
    }  # fmt: skip


@pytest.fixture(scope="module")
def fakes() -> Iterator[Vendors]:
    with vendors() as served:
        served.say("GET api.github.com/repos/acme/shop/hooks", (200, []))
        served.say(HOOKS, _hook_of_github)
        served.say("GET api.stripe.com/v1/webhook_endpoints", (200, {"object": "list", "data": [], "has_more": False}))
        served.say(STRIPE_HOOKS, _hook_of_stripe)
        served.say("POST api.supabase.com/v1/projects/project/database/webhooks/enable", (201, None))
        served.say(QUERY, (201, []))
        yield served


@pytest.fixture(scope="module")
def api(companions: Path, platform: Api, fakes: Vendors) -> Iterator[Api]:
    """The API of a server with which the app with the integrations has registered."""
    environ = {"TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": platform.url, "VENDORS_URL": fakes.url}
    with running([NODE, "integrations.cjs"], cwd=companions, **environ) as port:
        answer = platform.register("integrations", f"http://127.0.0.1:{port}/api/trigger")
        assert answer.status == 200, answer
        yield platform


@pytest.mark.parametrize(("job", "route", "says", "output", "key"), WORKING, ids=[row[0] for row in WORKING])
def test_a_task_of_an_integration_is_tried_again_while_its_vendor_is_busy(
    api: Api, fakes: Vendors, job: str, route: str, says: Said, output: Any, key: str
) -> None:
    fakes.say(route, BUSY[job], says)
    run = api.run(job)
    assert (run["status"], run.get("output")) == ("SUCCESS", output), run
    assert [one.headers["authorization"] for one in fakes.asked(route)] == [key, key]


@pytest.mark.parametrize(("job", "route", "says", "times", "message"), REFUSING, ids=[row[0] for row in REFUSING])
def test_a_run_fails_as_the_vendor_refuses(
    api: Api, fakes: Vendors, job: str, route: str, says: Said, times: int, message: str
) -> None:
    fakes.say(route, says)
    run = api.run(job)
    assert (run["status"], message in json.dumps(run["output"])) == ("FAILURE", True), json.dumps(run)
    assert len(fakes.asked(route)) == times


# Integrations whose tokens the server keeps.

POSTED, CREATED = (200, {"ok": True, "ts": "1.2"}), (201, {"number": 7})
HOSTED = [
    ("slack-hosted", "hosted-slack", "POST slack.com/api/chat.postMessage", POSTED, "1.2", "Bearer {}"),
    ("github-hosted", "hosted-github", ISSUES, CREATED, 7, "token {}"),
]


def unconnected(api: Api, job: str, account: str | None) -> str:
    """Start a run, and wait until it waits for a connection; its id."""
    body = {"payload": {}, "options": {} if account is None else {"accountId": account}}
    run_id = str(api.ask("POST", f"/api/v1/jobs/{job}/invoke", body).body["id"])
    deadline = time.monotonic() + PATIENCE
    while api.ask("GET", f"/api/v2/runs/{run_id}").body["status"] != "WAITING_ON_CONNECTIONS":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run_id


@pytest.mark.parametrize(
    ("job", "integration", "route", "says", "output", "header"), HOSTED, ids=[r[0] for r in HOSTED]
)
def test_a_run_waits_for_the_token_of_an_account_or_of_all_and_uses_it(
    api: Api, fakes: Vendors, job: str, integration: str, route: str, says: Said, output: Any, header: str
) -> None:
    fakes.say(route, says)
    of_ada, of_nobody = unconnected(api, job, "ada"), unconnected(api, job, None)
    body = {"accessToken": "token-of-ada", "type": "oauth2", "scopes": ["write"]}
    assert api.ask("POST", f"/api/v1/accounts/ada/connections/{integration}", body).status == 200
    run = api.ended(of_ada)
    assert (run["status"], run.get("output")) == ("SUCCESS", output), run
    body = {"integration": integration, "access_token": "token-of-all"}
    assert api.ask("PUT", "/api/connections", body).status == 200
    assert api.ended(of_nobody)["status"] == "SUCCESS"
    used = [one.headers["authorization"] for one in fakes.asked(route)]
    assert used == [header.format("token-of-ada"), header.format("token-of-all")]
    assert "token-of" not in json.dumps(run)


def test_jobs_are_told_which_connection_a_run_waits_for_and_when_it_is_there(api: Api, fakes: Vendors) -> None:
    fakes.say("POST slack.com/api/chat.postMessage", POSTED)
    before = len(api.runs_of("connection-missing")), len(api.runs_of("connection-there"))
    runs = [unconnected(api, "slack-hosted", "bob") for _ in range(3)]
    (missing,) = api.outputs("connection-missing", 1, before[0])
    assert (missing["type"], missing["client"]["id"], missing["account"]["id"]) == ("EXTERNAL", "hosted-slack", "bob")
    path = missing["authorizationUrl"].removeprefix(api.url)
    assert api.ask("POST", path, {"accessToken": "token-of-bob", "type": "oauth2"}).status == 200
    assert {api.ended(run)["status"] for run in runs} == {"SUCCESS"}
    (there,) = api.outputs("connection-there", 1, before[1])
    assert (there["id"], there["type"], there["account"]["id"]) == (missing["id"], "EXTERNAL", "bob")


def test_a_job_asks_for_a_token_that_the_server_keeps(api: Api) -> None:
    assert api.run("auth")["output"] == "none"
    made = api.ask("PUT", "/api/connections", {"integration": "asked-for", "access_token": "asked-for-token"}).body
    run = api.run("auth")
    assert (run["output"], run["tasks"][0]["output"]["accessToken"]) == (15, "[REDACTED]")
    assert api.ask("DELETE", f"/api/connections/{made['id']}").status == 200
    assert api.run("auth")["output"] == "none"


# Webhooks that the integrations register with their vendors.


def asked(fakes: Vendors, route: str) -> Asked:
    """What a vendor was asked; waits until it is."""
    deadline = time.monotonic() + PATIENCE
    while not fakes.asked(route):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return fakes.asked(route)[-1]


def started(api: Api, job: str, send: Callable[[], int]) -> list[Any]:
    """Send a request until it starts a run: before the server knows that the source is registered, it drops them."""
    deadline = time.monotonic() + PATIENCE
    while not api.runs_of(job):
        assert time.monotonic() < deadline
        assert send() == 200
        time.sleep(0.05)
    return api.outputs(job, 1)


def test_github_is_told_of_a_webhook_and_its_signed_requests_start_runs(api: Api, fakes: Vendors) -> None:
    wanted = asked(fakes, HOOKS).json()
    assert (wanted["events"], wanted["config"]["content_type"]) == (["issues"], "json")
    body = json.dumps({
        "action": "opened", "repository": {"full_name": "acme/shop"}, "sender": {"login": "ada", "html_url": "h"},
        "issue": {"number": 1, "title": "Broken", "html_url": "h"},
    }).encode()  # fmt: skip

    def send(secret: str, delivery: str) -> int:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X_GitHub_Event": "issues", "X_GitHub_Delivery": delivery, "Content_Type": "application/json"}
        return request("POST", wanted["config"]["url"], body, X_Hub_Signature_256=f"sha256={signature}", **headers)[0]

    assert started(api, "on-issue", lambda: send(wanted["config"]["secret"], "right")) == [
        {"title": "Broken", "event": "issues"}
    ]
    # A forged request is not sent: the package does not await the check of a signature, and takes any.
    assert send(wanted["config"]["secret"], "second") == 200
    assert len(api.outputs("on-issue", 2)) == 2


def test_stripe_is_told_of_a_webhook_and_its_signed_requests_start_runs(api: Api, fakes: Vendors) -> None:
    wanted = parse_qs(asked(fakes, STRIPE_HOOKS).body.decode())
    assert wanted["enabled_events[0]"] == ["customer.created"]

    def send(secret: str, event: str) -> int:
        body = json.dumps({
            "id": event, "object": "event", "type": "customer.created", "created": int(time.time()), "livemode": False,
            "api_version": "2022-11-15", "request": None, "data": {"object": {"id": "c", "email": "ada@example.com"}},
        }).encode()  # fmt: skip
        at = str(int(time.time()))
        signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return request("POST", wanted["url"][0], body, Stripe_Signature=f"t={at},v1={signature}")[0]

    first = {"email": "ada@example.com", "event": "evt_1"}
    assert started(api, "on-customer", lambda: send("whsec_stripe", "evt_1")) == [first]
    assert send("whsec_another", "evt_2") == 200
    assert send("whsec_stripe", "evt_3") == 200
    assert api.outputs("on-customer", 2) == [first, {**first, "event": "evt_3"}]


def test_a_database_of_supabase_gets_a_trigger_whose_requests_start_runs(api: Api, fakes: Vendors) -> None:
    query = asked(fakes, QUERY).json()["query"]
    assert 'AFTER INSERT on "public"."todos"' in query
    found = re.search(r"http_request\('([^']+)', 'POST', '([^']+)'", query)
    assert found is not None
    url, headers = found[1], json.loads(found[2])
    row = {"type": "INSERT", "table": "todos", "schema": "public", "record": {"id": 1}, "old_record": None}

    def send() -> int:
        return request("POST", url, json.dumps(row).encode(), Authorization=headers["Authorization"])[0]

    assert started(api, "on-todo", send)[0] == {"id": 1}
