"""A machine that sleeps for a while, with all that is on it or only one side: runs go on, and nothing is done twice."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.adapters.programs_at_work import Pair

NIGHT = 2.0
"""Longer than a lease, and than it takes until code that blocks an event loop is named."""

SETTINGS = {"PERDURE_LEASE_TTL": "500ms", "PERDURE_LEASE_RENEWAL": "100ms"}
STEPS = 30


@pytest.mark.parametrize(
    ("sleepers", "is_worker"),
    [(("server", "app"), False), (("server", "app"), True), (("server",), False), (("app",), True)],
    ids=["server and app", "server and worker", "server", "worker"],
)
def test_runs_go_on_after_their_processes_stood_still_for_longer_than_a_lease(
    tmp_path: Path, *, sleepers: tuple[str, ...], is_worker: bool
) -> None:
    with Pair(tmp_path, is_worker=is_worker, settings=SETTINGS) as pair:
        timed = pair.api.invoke("staying", {"how": "timer", "seconds": NIGHT})
        asleep = pair.api.invoke("staying", {"how": "event"})
        for run_id in (timed, asleep):
            pair.api.waiting(run_id)
        at_work = pair.api.invoke("gated", {"gates": ["gate"]})
        pair.lines(1, "gate begins")
        busy = pair.api.invoke("long", {"name": "step", "steps": STEPS})
        pair.lines(8, "step")

        logs = {name: (tmp_path / name).read_text() for name in ("app.log", "server.log")}
        sleeping = [process for name in sleepers if (process := getattr(pair, name)) is not None]
        for process in sleeping:
            process.send_signal(signal.SIGSTOP)
        # That is what it is about: time that passes for those who stand still.
        time.sleep(NIGHT)
        for process in sleeping:
            process.send_signal(signal.SIGCONT)
        pair.api.send("staying.goes", {})
        (tmp_path / "gate").touch()

        assert {pair.api.ended(run_id)["status"] for run_id in (timed, asleep, at_work, busy)} == {"SUCCESS"}
        expected = ["before timer", "before event", "after timer", "after event", "gate begins", "gate ends"]
        assert Counter(pair.lines(1)) == Counter([*expected, *(f"step {number}" for number in range(STEPS))])
        # Nobody's code is to blame, and nobody was away.
        assert {name: (tmp_path / name).read_text() for name in logs} == logs
