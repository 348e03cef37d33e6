"""Some scenarios of the embedded engine, executed by a server: behind HTTP, and in a worker.

``make scenarios-remote`` runs all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("test_waits", "test_yields", "test_timers_while_parked", "test_unstorable_results")
CHOSEN = "async and (test_waits or test_yields or test_timers or within_three_mebibytes)"


@pytest.mark.parametrize("way", ["http", "worker"])
def test_scenarios_come_to_the_same_ends_when_a_server_executes_them(way: str) -> None:
    files = [f"tests/scenarios/{name}.py" for name in FILES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", CHOSEN, *files]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PERDURE_SCENARIOS": way}, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout[-4000:]
