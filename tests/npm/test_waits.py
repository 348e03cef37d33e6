"""Jobs of the unchanged npm package: they wait for times, requests and events, and for each other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.npm.api import Api


@pytest.mark.parametrize(
    ("job", "output"),
    [
        ("waits", {"slept": True}),
        ("waits-for-request", {"first": True}),
        ("calls-back", {"done": 1}),
        ("invokes", {"hasId": True}),
        ("invokes-and-waits", {"ok": True, "output": {"y": 42}}),
        ("child-fails", {"ok": False, "status": "FAILURE", "message": "negative"}),
        ("batch", [2, 4]),
    ],
)
def test_a_job_goes_on_when_what_it_waits_for_has_come(api: Api, job: str, output: Any) -> None:
    run = api.run(job)
    assert (run["status"], run.get("output")) == ("SUCCESS", output), run


def test_a_batch_of_runs_is_waited_for_as_a_whole(api: Api) -> None:
    run = api.run("large-batch")
    assert len(run["output"]) == 12
    # The runs are started, and then there is one more execution, however many of them end one after another.
    assert api.ask("GET", f"/api/runs/{run['id']}").body["executions"] <= 3


def test_a_job_goes_on_with_the_event_that_it_waits_for(api: Api) -> None:
    run_id = api.invoke("waits-for-event", {"order": "o1"})
    api.waiting(run_id)
    api.send("order.paid", {"id": "another"})
    api.send("order.paid", {"id": "o1", "amount": 3})
    run = api.ended(run_id)
    assert run["output"] == {"name": "order.paid", "payload": {"id": "o1", "amount": 3}, "isDate": True}


def test_a_job_goes_on_with_the_first_event_of_several_names(api: Api) -> None:
    for number, name in enumerate(("order.dropped", "order.paid")):
        run_id = api.invoke("waits-for-either", {"order": f"either-{number}"})
        api.waiting(run_id)
        for sent in (name, "order.paid", "order.dropped"):
            api.send(sent, {"id": f"either-{number}"})
        assert api.ended(run_id)["output"] == name


@pytest.mark.parametrize("job", ["request-never-comes", "event-never-comes"])
def test_a_wait_that_takes_too_long_fails(api: Api, job: str) -> None:
    run = api.run(job)
    assert run["status"] == "FAILURE"
    assert run["error"]["message"] == '"Remote callback timeout - no requests received"'


def test_a_wait_that_cannot_be_begun_is_tried_as_often_as_its_retry_says(api: Api) -> None:
    run = api.run("calls-in-vain")
    assert (run["status"], run["error"]["message"]) == ("FAILURE", "refused 3 times")


def test_the_app_is_told_of_the_end_of_a_run(api: Api) -> None:
    api.run("tells")
    told: list[Any] = []
    for _ in range(50):
        told = api.run("was-told")["output"]
        if told:
            break
    assert told == [[True, "over"]]


def test_a_run_that_waits_is_cancelled(api: Api) -> None:
    run_id = api.invoke("waits-for-event", {"order": "o2"})
    api.waiting(run_id)
    assert api.ask("POST", f"/api/v1/runs/{run_id}/cancel").body["status"] == "CANCELED"
    assert api.ended(run_id)["status"] == "CANCELED"


def test_runs_of_a_limited_job_all_end(api: Api) -> None:
    ids = [api.send("work.asked", {"n": n}, source="elsewhere") for n in range(5)]
    for n, event_id in enumerate(ids):
        (started,) = api.ask("GET", f"/api/v2/events/{event_id}").body["runs"]
        assert api.ended(started["id"])["output"] == {"n": n}
