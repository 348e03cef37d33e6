"""Runs in jobs behind HTTP go on where they were, whichever process was killed."""

from __future__ import annotations

from pathlib import Path

from tests.adapters.programs_at_work import Pair

STEPS = 60


def test_a_run_survives_the_kill_of_its_server_and_of_its_app(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair:
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
        # What was at work when a process died is done again, and nothing else.
        assert len(written) <= STEPS + 2
