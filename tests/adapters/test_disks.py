"""A disk that takes no writes for a while, under a server with runs in an app: that says so, and loses nothing."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.adapters.programs_at_work import Pair
from tests.npm.api import PATIENCE, Answer

FILES = ("perdure.db", "perdure.db-wal")
LARGE = {"text": "x" * 20_000}


@contextmanager
def full(pair: Pair) -> Iterator[None]:
    """No file of the server may grow, as where a disk is full."""
    assert pair.server is not None
    folder = pair.folder / ".perdure"
    _, hard = resource.prlimit(pair.server.pid, resource.RLIMIT_FSIZE)
    largest = max((folder / name).stat().st_size for name in FILES)
    resource.prlimit(pair.server.pid, resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.prlimit(pair.server.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def read_only(pair: Pair) -> Iterator[None]:
    """No file of the database may be written, though they are open, as when a file system becomes read-only."""
    paths = [pair.folder / ".perdure" / name for name in FILES]
    if subprocess.run(["chattr", "+i", *paths], check=False, capture_output=True).returncode != 0:
        pytest.skip("to take the right to write from an open file needs root, and a file system such as ext4")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *paths], check=True)


def until(ask: Callable[[], Answer], status: int) -> Answer:
    """Ask until the answer has that status."""
    deadline = time.monotonic() + PATIENCE
    while (answer := ask()).status != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer


@pytest.mark.parametrize(
    ("fault", "code", "sentence", "logged"),
    [
        (full, "storage_full", "The disk of the server is full; nothing was stored.", "The disk is full"),
        (read_only, "storage_unavailable", "The database could not do it now.", "cannot be written any more"),
    ],
    ids=["full", "read-only"],
)
def test_a_server_whose_disk_takes_no_writes_says_so_and_goes_on_with_all_runs_once_it_does(
    tmp_path: Path, fault: Callable[[Pair], AbstractContextManager[None]], code: str, sentence: str, logged: str
) -> None:
    with Pair(tmp_path) as pair:
        at_work = pair.api.invoke("gated", {"gates": ["gate"]})
        timed = pair.api.invoke("staying", {"how": "timer", "seconds": 1})
        asleep = pair.api.invoke("staying", {"how": "event"})
        for run_id in (timed, asleep):
            pair.api.waiting(run_id)
        pair.lines(1, "gate begins")
        acknowledged = [pair.api.send("small", LARGE)]

        def send() -> Answer:
            return pair.api.ask("POST", "/api/v1/events", {"event": {"name": "small", "payload": LARGE}})

        with fault(pair):
            while (answer := send()).status == 200:
                acknowledged.append(answer.body["id"])
            assert (answer.status, answer.body["code"], answer.headers["Retry-After"]) == (503, code, "1")
            assert answer.body["error"].startswith(sentence)
            # What reports on it may have found out just before that there is room.
            assert until(lambda: pair.api.ask("GET", "/readyz"), 503).body == {"status": "unavailable"}
            # Reading goes on, and a result that cannot be stored is kept where it is.
            assert pair.api.ask("GET", f"/api/runs/{asleep}").body["status"] == "WAITING_TO_CONTINUE"
            (tmp_path / "gate").touch()
            pair.lines(1, "gate ends")

        until(lambda: pair.api.ask("GET", "/readyz"), 200)
        pair.api.send("staying.goes", {})
        assert {pair.api.ended(run_id)["status"] for run_id in (at_work, timed, asleep)} == {"SUCCESS"}
        for event_id in acknowledged:
            assert pair.api.ask("GET", f"/api/v1/events/{event_id}").status == 200
        done = [line for line in pair.lines(1) if not line.startswith("before")]
        assert sorted(done) == ["after event", "after timer", "gate begins", "gate ends"]
        (said,) = re.findall("ERROR .*: The database takes no writes. (.*)", (tmp_path / "server.log").read_text())
        assert logged in said
        assert (tmp_path / "app.log").read_text() == ""
