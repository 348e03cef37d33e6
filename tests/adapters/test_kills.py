"""Runs in jobs behind HTTP go on where they were, whichever process was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.programs_at_work import Pair
from tests.npm.api import PATIENCE

STEPS = 60


@pytest.mark.parametrize("is_worker", [False, True], ids=["app", "worker"])
def test_a_run_survives_the_kill_of_its_server_and_of_what_executes_it(tmp_path: Path, *, is_worker: bool) -> None:
    with Pair(tmp_path, is_worker=is_worker) as pair:
        run_id = pair.api.invoke("long", {"name": "step", "steps": STEPS})

        pair.lines(8, "step")
        pair.kill(pair.server)
        pair.start_server()
        pair.lines(24, "step")
        pair.kill(pair.app)
        pair.start_app()
        run = pair.api.ended(run_id)

        assert (run["status"], run["output"]) == ("SUCCESS", sum(range(STEPS))), run["why"]
        written = pair.lines(STEPS, "step")
        assert set(written) == {f"step {number}" for number in range(STEPS)}
        # What was at work when the app died is done again, and nothing else.
        assert len(written) <= STEPS + 1
        # Neither had to be told again that the other is perdure's.
        tasks = pair.api.ask("GET", f"/api/runs/{run_id}?take=50").body["tasks"]
        assert {task["operation"] for task in tasks} == {"run_task", "wait"}


@pytest.mark.parametrize("is_done_before", [False, True], ids=["during", "before"])
@pytest.mark.parametrize("is_worker", [False, True], ids=["app", "worker"])
def test_a_task_that_is_at_work_when_the_server_goes_is_not_done_again_when_it_is_back(
    tmp_path: Path, *, is_worker: bool, is_done_before: bool
) -> None:
    with Pair(tmp_path, is_worker=is_worker) as pair:
        run_id = pair.api.invoke("patient")
        pair.lines(1, "patient begins")

        pair.kill(pair.server)
        if is_done_before:
            (tmp_path / "go").touch()
            pair.lines(1, "patient ends")
        pair.start_server()
        if not is_done_before:
            pair.api.executed(run_id, 2)
            (tmp_path / "go").touch()
        run = pair.api.ended(run_id)

        assert (run["status"], run["output"]) == ("SUCCESS", [1, 1, 1]), run
        assert pair.lines(2, "patient") == ["patient begins", "patient ends"]


def test_another_worker_takes_over_the_runs_of_one_that_is_killed(tmp_path: Path) -> None:
    with Pair(tmp_path, is_worker=True) as pair:
        run_ids = [pair.api.invoke("long", {"name": f"run{number}", "steps": 30}) for number in range(4)]
        pair.lines(8, "run")
        other, said = pair.start_worker()
        assert said["app"] == "catalogue"
        pair.kill(pair.app)
        pair.app = other

        for run_id in run_ids:
            run = pair.api.ended(run_id)
            assert (run["status"], run["output"]) == ("SUCCESS", sum(range(30))), run["why"]


def test_a_worker_that_is_to_stop_lets_its_runs_go_between_two_tasks(tmp_path: Path) -> None:
    with Pair(tmp_path, is_worker=True) as pair:
        run_ids = [pair.api.invoke("long", {"name": f"run{number}", "steps": 40}) for number in range(3)]
        pair.lines(6, "run")
        assert pair.app is not None
        pair.app.terminate()
        assert pair.app.wait(timeout=30) == 0
        assert pair.app.stdout is not None
        pair.app.stdout.close()
        pair.start_app()

        for run_id in run_ids:
            run = pair.api.ended(run_id)
            assert (run["status"], run["output"]) == ("SUCCESS", sum(range(40))), run["why"]
        # No body was cut.
        assert len(pair.lines(120, "run")) == 120


def test_code_that_blocks_a_worker_is_named_and_its_run_goes_on(tmp_path: Path) -> None:
    with Pair(tmp_path, is_worker=True) as pair:
        run = pair.api.run("blocking")

        assert (run["status"], run["output"]) == ("SUCCESS", "done")
        assert "in blocking" in (tmp_path / "app.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("is_worker", [False, True], ids=["app", "worker"])
def test_a_run_that_takes_its_app_along_each_time_is_put_into_quarantine(tmp_path: Path, *, is_worker: bool) -> None:
    with Pair(tmp_path, is_worker=is_worker, settings={"PERDURE_QUARANTINE_AFTER": "2"}) as pair:
        run_id = pair.api.invoke("deadly")
        for _ in range(2):
            assert pair.app is not None
            assert pair.app.wait(timeout=PATIENCE) == 9
            assert pair.app.stdout is not None
            pair.app.stdout.close()
            pair.start_app()
        run = pair.api.ended(run_id)

        assert (run["status"], run["output"]["name"]) == ("FAILURE", "RunQuarantinedError"), run
        assert pair.lines(1) == ["dies"] * 2


@pytest.mark.parametrize("is_worker", [False, True], ids=["app", "worker"])
def test_a_run_that_is_cancelled_is_stopped_at_once_where_it_is_executed(tmp_path: Path, *, is_worker: bool) -> None:
    with Pair(tmp_path, is_worker=is_worker) as pair:
        run_id = pair.api.invoke("endless")
        pair.lines(1, "endless begins")
        # From then on its code asks nothing of the server.
        pair.api.at_work(run_id)

        assert pair.api.ask("POST", f"/api/v1/runs/{run_id}/cancel").status == 200

        pair.lines(1, "endless ends")
