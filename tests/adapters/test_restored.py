"""A server whose database is put back to a backup: its runs go on, also those that its app knows more of."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.adapters.programs_at_work import Pair
from tests.cli.test_how_to import program
from tests.npm.api import PATIENCE

NAP = 1.0


class Restored(Pair):
    """A pair whose server can be put back."""

    def back_up(self) -> None:
        """Copy the database as the how-to page says."""
        back_up = program("back-up-and-restore.md", "back_up.py", self.folder)
        copying = [sys.executable, str(back_up), ".perdure/perdure.db", "backup.db"]
        subprocess.run(copying, cwd=self.folder, check=True)

    def put_back(self, *, opens: tuple[str, ...] = ()) -> None:
        """Kill the server, and start it on the copy; bodies at these gates come to their ends meanwhile."""
        self.kill(self.server)
        for gate in opens:
            self.open(gate)
            self.lines(1, f"{gate} ends")
        broken = self.folder / "broken"
        broken.mkdir()
        database = self.folder / ".perdure" / "perdure.db"
        for file in database.parent.glob("perdure.db*"):
            file.rename(broken / file.name)
        shutil.copy(self.folder / "backup.db", database)
        # There is none before something is signed with it.
        for key in broken.glob("perdure.db.key"):
            shutil.copy(key, database.parent)
        self.start_server()

    def await_stored(self, run_id: str, *, tasks: int) -> None:
        """Wait until so many tasks of a run are stored, be they at work."""
        deadline = time.monotonic() + PATIENCE
        while len(self.api.ask("GET", f"/api/runs/{run_id}?subtasks=true&take=50").body["tasks"]) < tasks:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def open(self, gate: str) -> None:
        """Let a body that waits at this gate go on."""
        (self.folder / gate).touch()


@pytest.mark.parametrize("is_worker", [False, True], ids=["app", "worker"])
def test_runs_that_wait_at_the_backup_go_on_from_there_and_do_nothing_again_that_was_done(
    tmp_path: Path, *, is_worker: bool
) -> None:
    with Restored(tmp_path, is_worker=is_worker) as pair:
        outside = [pair.api.invoke("staying", {"how": how}) for how in ("event", "request")]
        timed = [pair.api.invoke("staying", {"how": how, "seconds": NAP}) for how in ("timer", "child")]
        failed = pair.api.ended(pair.api.invoke("staying", {"how": "fails"}))["id"]
        pair.lines(1, "before child")
        pair.lines(2, "before timer")
        # The child has a run of its own.
        for run_id in {*pair.api.runs_of("staying")} - {failed}:
            pair.api.waiting(run_id)
        pair.lines(1, "hook begins")
        pair.back_up()
        for run_id in timed:
            assert pair.api.ended(run_id)["status"] == "SUCCESS"

        pair.put_back()
        for run_id in timed:
            assert pair.api.ended(run_id)["status"] == "SUCCESS"
        pair.api.send("staying.goes", {})
        with urlopen(Request(pair.lines(1, "http")[0], b"{}", {"Content-Type": "application/json"})) as answer:
            assert answer.status == 200
        for run_id in outside:
            assert pair.api.ended(run_id)["status"] == "SUCCESS"
        # Nobody has heard of the end of the hook, so it is called once more.
        pair.lines(2, "hook begins")
        pair.open("hook")

        done = Counter(line for line in pair.lines(1) if not line.startswith(("http", "hook")))
        assert [done[f"before {how}"] for how in ("event", "request", "child", "timer", "fails")] == [1, 1, 1, 2, 1]
        assert [done[f"after {how}"] for how in ("event", "request")] == [1, 1]
        # The timers were over once before the database was put back, and once since.
        assert (done["after child"], done["after timer"]) == (2, 4)


@pytest.mark.parametrize("is_worker", [False, True], ids=["app", "worker"])
def test_an_app_that_is_further_with_a_run_than_the_backup_executes_it_anew(tmp_path: Path, *, is_worker: bool) -> None:
    with Restored(tmp_path, is_worker=is_worker) as pair:
        kept = pair.api.invoke("gated", {"gates": ["first", "second"]})
        pair.lines(1, "first begins")
        pair.await_stored(kept, tasks=2)
        pair.back_up()
        lost = pair.api.invoke("gated", {"gates": ["third"]})
        pair.lines(1, "third begins")
        pair.await_stored(lost, tasks=2)
        pair.open("first")
        pair.lines(1, "second begins")
        pair.await_stored(kept, tasks=4)

        pair.put_back(opens=("third",))
        pair.lines(2, "second begins")
        pair.open("second")
        run = pair.api.ended(kept)

        assert (run["status"], run["output"]) == ("SUCCESS", ["first", "second"]), run["why"]
        tasks = pair.api.ask("GET", f"/api/runs/{kept}?subtasks=true&take=50").body["tasks"]
        assert {task["status"] for task in tasks} == {"COMPLETED"}
        assert pair.api.ask("GET", f"/api/runs/{lost}").status == 404
        # That the run has gone is no error of its code, nor of the app.
        assert not [line for line in pair.lines(1) if line.startswith("refused")]
        assert "Traceback" not in (tmp_path / "app.log").read_text(encoding="utf-8")
