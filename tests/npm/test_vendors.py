"""Webhooks, external sources and dynamic triggers of the unchanged npm package, against a vendor of its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.npm.api import PATIENCE, Api, request


def known(api: Api, name: str) -> dict[str, Any]:
    """What the vendor knows of a hook; waits until the job of the app has registered it there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        hook = api.run("vendor-knows", {"name": name}).get("output")
        if hook:
            return dict(hook)
        assert time.monotonic() < deadline


def until_active(api: Api, name: str) -> None:
    """Wait until the server has been told that a hook is registered: until then requests to it are dropped."""
    known(api, name)
    deadline = time.monotonic() + PATIENCE
    while any(run["status"] in {"EXECUTING", "QUEUED", "WAITING_TO_EXECUTE"} for run in _registering(api)):
        assert time.monotonic() < deadline


def _registering(api: Api) -> list[dict[str, Any]]:
    runs = api.ask("GET", "/api/runs?take=50").body["runs"]
    return [run for run in runs if run["job_id"].startswith(("fake.repo", "register-dynamic", "webhook.register"))]


def send(api: Api, name: str, body: dict[str, Any], **more: Any) -> None:
    run = api.run("vendor-sends", {"name": name, "body": body, **more})
    assert run["output"] == 200, run


def became(api: Api, prefix: str, delivery: str) -> dict[str, Any]:
    """What became of a delivery; waits until it is known."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for event in api.ask("GET", "/api/events?requests=true&take=50").body["events"]:
            named = event["payload"]["headers"].get("x-github-delivery")
            if event["name"].startswith(prefix) and named == delivery and event["context"]:
                return dict(event["context"])
        assert time.monotonic() < deadline


def test_an_external_source_is_registered_with_its_vendor_and_its_requests_start_runs(api: Api) -> None:
    until_active(api, "fixed")
    hook = known(api, "fixed")
    assert hook["events"] == ["fake.push"]
    assert "/api/v1/sources/http/source_" in hook["url"]
    before = len(api.runs_of("on-push"))
    for number in (1, 2):
        send(api, "fixed", {"n": number})
        assert api.outputs("on-push", number, before)[-1]["n"] == number
    first, second = api.outputs("on-push", 2, before)
    assert (first["repo"], first["hook"]) == ("fixed", "hook of fixed")
    assert second["count"] == first["count"] + 1


def test_what_a_source_s_event_says_of_a_run_is_shown_with_it(api: Api) -> None:
    until_active(api, "fixed")
    before = len(api.runs_of("on-push"))
    send(api, "fixed", {"n": "shown"})
    api.outputs("on-push", 1, before)
    shown = api.ask("GET", f"/api/runs/{api.runs_of('on-push')[0]}").body["properties"]
    assert shown == [{"label": "Repo", "text": "fixed", "url": "https://vendor.example/fixed"}]


def test_a_request_to_a_source_is_handed_over_until_the_app_takes_it_and_makes_events_once(api: Api) -> None:
    until_active(api, "fixed")
    before = len(api.runs_of("on-push"))
    for _ in range(3):
        send(api, "fixed", {"breaks": True}, delivery="d1")
    assert len(api.outputs("on-push", 1, before)) == 1
    assert became(api, "httpsource.", "d1") == {"events": 1}


def test_a_request_with_another_secret_makes_no_event(api: Api) -> None:
    until_active(api, "fixed")
    before = len(api.runs_of("on-push"))
    send(api, "fixed", {"n": "forged"}, secret="another")
    send(api, "fixed", {"n": "true"})
    assert [one["n"] for one in api.outputs("on-push", 1, before)] == ["true"]


def test_a_dynamic_trigger_starts_every_job_of_its_with_the_events_of_each_registration(api: Api) -> None:
    jobs = ("on-any-push", "on-any-push-too")
    before = [len(api.runs_of(job)) for job in jobs]
    made = api.run("registers", {"key": "first", "repo": "red"})
    assert made["output"] == {
        "dynamicTriggerId": "any-repo",
        "options": {"event": {"desired": ["fake.push"], "missing": [], "orphaned": []}},
        "active": False,
    }
    api.run("registers", {"key": "second/one", "repo": "blue", "options": {"accountId": "acme"}})
    for name in ("red", "blue"):
        until_active(api, name)
    send(api, "red", {"n": 1})
    for job, count in zip(jobs, before, strict=True):
        (seen,) = api.outputs(job, 1, count)
        assert (seen["payload"]["repo"], seen["payload"]["n"]) == ("red", 1)
        assert seen["source"]["id"] == "first"
    send(api, "blue", {"n": 2})
    for job, count in zip(jobs, before, strict=True):
        _, seen = api.outputs(job, 2, count)
        assert (seen["payload"]["repo"], seen["source"]["id"], seen["account"]) == ("blue", "second/one", "acme")


def test_a_dynamic_trigger_listens_to_what_was_registered_last(api: Api) -> None:
    for _ in range(2):
        assert api.run("registers", {"key": "again", "repo": "green"})["status"] == "SUCCESS"
    until_active(api, "green")
    third = api.run("registers", {"key": "again", "repo": "green", "options": {"filter": {"n": [7]}}})
    assert third["output"]["active"] is True
    before = len(api.runs_of("on-any-push"))
    for number in (6, 7):
        send(api, "green", {"n": number})
    assert [one["payload"]["n"] for one in api.outputs("on-any-push", 1, before)] == [7]


def _integration() -> dict[str, Any]:
    return {"id": "fake", "metadata": {"id": "fake", "name": "Fake"}, "authSource": "LOCAL"}


def _registers(api: Api, way: str) -> Any:
    """Register the repository "by-<way>" with the dynamic trigger; what the answer tells of it."""
    route, repo = "/api/v1/npm-app/triggers/any-repo/registrations", f"by-{way}"
    if way == "io":
        return api.run("registers-by-io", {"key": way, "repo": repo})["output"]["key"]
    if way == "app":
        # The app is asked what the registration listens to.
        body: dict[str, Any] = {"id": way, "params": {"repo": repo}, "accountId": "acme", "metadata": {"m": 1}}
        return api.ask("POST", route, body).body["source"]["key"]
    source = {"version": "1", "channel": "HTTP", "key": repo, "params": {"repo": repo}, "events": ["fake.push"],
              "integration": _integration()}  # fmt: skip
    rule = {"event": "fake.push", "source": "fake", "payload": {"repo": [repo]}}
    answer = api.ask("PUT", f"{route}/{way}", {"rule": rule, "source": source}).body
    assert (answer["events"], answer["missingEvents"], answer["orphanedEvents"]) == (["fake.push"], [], [])
    return answer["source"]["key"]


@pytest.mark.parametrize(("way", "account"), [("io", None), ("app", "acme"), ("v1", None)])
def test_each_way_to_register_with_a_dynamic_trigger_starts_its_jobs(api: Api, way: str, account: str | None) -> None:
    before = len(api.runs_of("on-any-push"))
    assert _registers(api, way).startswith(f"any-repo:{way}:")
    until_active(api, f"by-{way}")
    send(api, f"by-{way}", {"n": 1})

    (seen,) = api.outputs("on-any-push", 1, before)

    assert (seen["payload"]["repo"], seen["source"]["id"], seen.get("account")) == (f"by-{way}", way, account)


def test_a_webhook_is_registered_and_its_app_sends_the_events(api: Api) -> None:
    until_active(api, "people")
    hook = known(api, "people")
    assert hook["events"] == ["INSERT"]
    assert "/api/v1/http-endpoints/fake.rows-" in hook["url"]
    send(api, "people", {"row": 0}, secret="another", delivery="w0")
    send(api, "people", {"row": 1}, delivery="w1")
    assert api.outputs("on-row", 1) == [{"table": "people", "row": 1}]
    assert became(api, "httpendpoint.", "w1") == {"verified": True}
    assert became(api, "httpendpoint.", "w0") == {"verified": False, "error": "not you"}


def test_jobs_of_the_package_itself_are_not_listed(api: Api) -> None:
    listed = {job["id"] for job in api.ask("GET", "/api/jobs").body}
    assert "on-push" in listed
    assert not any(job.startswith(("fake.", "register-dynamic", "webhook.")) for job in listed)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/api/v2/npm-app/sources/none", {"options": {"event": []}}, 400),
        ("PUT", "/api/v1/npm-app/sources/none", {"registeredEvents": []}, 400),
        ("PUT", "/api/v2/other/sources/fake.repo-http-fixed-fake", {"options": {"event": []}}, 400),
        ("PUT", "/api/v1/webhooks/none", {"active": False}, 404),
        ("PUT", "/api/v1/webhooks/none", {"active": True}, 422),
        ("PUT", "/api/v2/npm-app/triggers/none/registrations/k", None, 404),
        ("PUT", "/api/v2/npm-app/triggers/any-repo/registrations/k", {"rule": {}}, 422),
        ("PUT", f"/api/v2/npm-app/triggers/any-repo/registrations/{'k' * 513}", None, 422),
        ("POST", "/api/v1/npm-app/triggers/none/registrations", {"id": "k", "params": {}}, 400),
        ("POST", "/api/v1/none/triggers/any-repo/registrations", {"id": "k", "params": {}}, 404),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_refused(api: Api, method: str, path: str, body: Any, status: int) -> None:
    source = {"version": "2", "channel": "HTTP", "key": "k", "options": {"event": ["e"]}, "integration": _integration()}
    given = {"rule": {"event": "e", "source": "s"}, "source": source} if body is None else body
    answer = api.ask(method, path, given)
    assert (answer.status, isinstance(answer.body["error"], str)) == (status, True), answer


def test_requests_to_unknown_sources_are_not_found(api: Api) -> None:
    url = f"{api.url}/api/v1/sources/http/source_unknown"
    assert request("POST", url, b"{}")[0] == 404
    assert request("GET", url)[0] == 405
