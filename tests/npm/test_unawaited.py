"""Work that a job of the unchanged npm package has not awaited is done all the same, and its app lives on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.npm.api import Api


def _tasks(run: dict[str, Any]) -> dict[str, str]:
    return {task["displayKey"] or task["name"]: task["status"] for task in run["tasks"]}


@pytest.mark.parametrize(
    ("ends", "status", "tasks"),
    [
        ({}, "SUCCESS", {"work": "COMPLETED", "log": "COMPLETED", "more": "COMPLETED"}),
        ({"fails": True}, "FAILURE", {"work": "ERRORED", "log": "COMPLETED", "more": "COMPLETED"}),
    ],
)
def test_what_a_job_has_not_awaited_is_done_after_its_end(
    api: Api, ends: dict[str, Any], status: str, tasks: dict[str, str]
) -> None:
    run_id = api.invoke("leaves-work", {"of": status, **ends})
    assert api.ended(run_id)["status"] == status
    assert api.run("finishes-work", {"of": status})["output"] == {"work": 7, "line": None, "more": 8}
    assert _tasks(api.ended(run_id)) == tasks


def test_a_last_line_is_written_whether_it_comes_before_the_end_of_its_run_or_after(api: Api) -> None:
    runs = [api.invoke("leaves-line") for _ in range(60)]
    assert {api.ended(run)["status"] for run in runs} == {"SUCCESS"}
    assert api.run("was-refused")["output"] == []


def test_what_a_job_has_not_awaited_is_done_while_its_run_waits(api: Api) -> None:
    run_id = api.invoke("leaves-work", {"of": "waiting", "waits": True})
    api.waiting(run_id)
    assert api.run("finishes-work", {"of": "waiting"})["output"] == {"work": 7, "line": None, "more": 8}
    api.send("work.go-on", {"of": "waiting"})
    run = api.ended(run_id)
    # Executed again, the job finds its result.
    assert (run["status"], run["output"]) == ("SUCCESS", 7)
    assert _tasks(run) == {"work": "COMPLETED", "go-on": "COMPLETED", "log": "COMPLETED", "more": "COMPLETED"}


def test_what_a_job_has_not_awaited_is_stopped_when_its_run_is_cancelled(api: Api) -> None:
    run_id = api.invoke("leaves-work", {"of": "cancelled", "waits": True})
    api.waiting(run_id)
    assert api.ask("POST", f"/api/v1/runs/{run_id}/cancel").status == 200
    stopped = "CanceledWithTaskError"
    assert api.run("finishes-work", {"of": "cancelled"})["output"] == {
        "work": stopped,
        "line": stopped,
        "more": stopped,
    }
