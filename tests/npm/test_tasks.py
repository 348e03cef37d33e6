"""Jobs of the unchanged npm package: their tasks are executed once, tried again, and replayed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.npm.api import Api


@pytest.mark.parametrize(
    ("job", "output"),
    [
        ("nested", {"inner": 2, "deeper": 3}),
        ("retried", {"attempts": 3}),
        ("catches", {"caught": "boom"}),
        ("tries", {"caught": "boom"}),
        ("chooses-its-retry", 2),
        ("returns-nothing", {"isUndefined": True}),
        ("keeps-values", {"text": "ü€😀\x00", "big": 9007199254740991, "none": None, "list": [1, [2]]}),
        ("many", 2 * sum(range(60))),
        ("logs", "logged"),
        ("yields", 1),
        ("parallel", [10, 20, 30]),
        ("parallel-retries", ["a1", "b2"]),
        ("nested-parallel", [[11, 21], [12, 22]]),
    ],
)
def test_a_job_gives_what_it_returns(api: Api, job: str, output: Any) -> None:
    run = api.run(job)
    assert (run["status"], run.get("output")) == ("SUCCESS", output), run


def test_an_event_that_fits_the_filter_starts_a_run(api: Api) -> None:
    assert api.ask("GET", f"/api/v2/events/{api.send('user.created', {'who': 'eve'})}").body["runs"] == []
    event_id = api.send("user.created", {"who": "ada"})
    (started,) = api.ask("GET", f"/api/v2/events/{event_id}").body["runs"]
    run = api.ended(started["id"])
    assert run["output"] == {"who": "ada", "n": 2, "run": started["id"], "environment": "dev"}
    line, first, second = run["tasks"]
    assert (first["displayKey"], first["name"], first["icon"], first["output"]) == (
        "first",
        "The first",
        "star",
        {"n": 1},
    )
    assert (line["displayKey"], line["name"]) == (None, "log")
    assert (second["displayKey"], second["name"], second["output"]) == ("second", "Task", {"n": 2})


def test_the_same_event_starts_no_second_run(api: Api) -> None:
    for _ in range(2):
        api.send("user.created", {"who": "bob"}, id="bob-1")
    assert len(api.ask("GET", "/api/v2/events/bob-1").body["runs"]) == 1


def test_a_job_that_returns_undefined_has_no_output(api: Api) -> None:
    run = api.run("returns-undefined")
    assert run["status"] == "SUCCESS"
    assert "output" not in run


@pytest.mark.parametrize(
    ("job", "message", "task"),
    [("fails", "boom", "bad"), ("retries-end", "never", "hopeless"), ("gives-up-at-once", "no use", "once")],
)
def test_a_run_fails_with_the_error_of_its_task(api: Api, job: str, message: str, task: str) -> None:
    run = api.run(job)
    assert run["status"] == "FAILURE"
    assert run["output"]["message"] == message
    assert [(one["displayKey"], one["status"]) for one in run["tasks"]] == [(task, "ERRORED")]


def test_the_same_key_twice_fails_the_run(api: Api) -> None:
    run = api.run("twice-the-key")
    assert run["status"] == "FAILURE"
    assert "has already been executed in this run" in run["error"]["message"]


def test_a_payload_that_does_not_fit_the_schema_is_refused(api: Api) -> None:
    run = api.run("refuses-payloads", {"amount": "much"})
    assert run["status"] == "INVALID_PAYLOAD"
    assert "amount" in run["error"]["message"]


def test_log_lines_are_the_log_of_the_run_which_its_tasks_are_not(api: Api) -> None:
    run_id = api.invoke("logs")
    assert [task["name"] for task in api.ended(run_id)["tasks"]] == ["log"] * 3
    assert api.ask("GET", f"/api/runs/{run_id}").body["tasks"] == []
    lines = api.ask("GET", f"/api/runs/{run_id}").body["logs"]
    assert [line["details"]["description"] for line in lines] == ["one", "two", "three"]


def test_a_random_number_stays_the_same(api: Api) -> None:
    assert api.run("random")["output"]["inside"] is True


def test_a_line_of_the_log_is_a_task_of_the_run_for_pages_that_show_them(api: Api) -> None:
    run_id = api.run("logs-inside")["id"]
    shown = api.ask("GET", f"/api/v2/runs/{run_id}?subtasks=true&taskdetails=true").body
    before, work, after = shown["tasks"]
    line = {"displayKey": None, "status": "COMPLETED", "name": "log", "icon": "log"}
    assert [{name: task[name] for name in line} for task in (before, work["subtasks"][0], after)] == [line] * 3
    assert (work["displayKey"], before["params"]) == ("work", {"step": 1})
    # A page of two begins with the line, and the next one goes on where it ended.
    page = api.ask("GET", f"/api/v2/runs/{run_id}?take=2").body
    assert [task["name"] for task in page["tasks"]] == ["log", "Task"]
    rest = api.ask("GET", f"/api/v2/runs/{run_id}?take=2&cursor={page['nextCursor']}").body
    assert ([task["name"] for task in rest["tasks"]], "nextCursor" in rest) == (["log"], False)


def test_a_task_gives_as_many_values_as_fit_into_its_output(api: Api) -> None:
    run = api.run("many-values")
    assert (run["status"], len(run["output"]), run["output"][-1]) == ("SUCCESS", 60_000, {"n": 59_999, "ok": True})
    assert [(task["displayKey"], task["status"]) for task in run["tasks"]] == [
        ("rows", "COMPLETED"), ("shown", "COMPLETED"), ("nap", "COMPLETED"),
    ]  # fmt: skip
