"""Every workload can be measured: its figures are checked against what is stored before they are printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.arguments import NAMES, WORKLOADS
from tests.contracts.tree import ROOT

PROVING = bool(os.environ.get("PERDURE_PROVE"))
LONG = () if PROVING else ("INGEST", "SLEEPERS", "TIMERS", "W5M")
"""Those that take long at any scale, since they fill a database first, or wait."""

# Over HTTP and not.
ASKED = [*((name, "direct") for name in NAMES if name not in LONG), *((name, "http") for name in ("W1", "W2", "W3"))]


@pytest.mark.parametrize(("workload", "transport"), ASKED)
def test_a_workload_prints_its_figures(workload: str, transport: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", workload, "--scale", "0.02", "--repetitions", "1"]
    done = subprocess.run(
        [*command, "--transport", transport, "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    result = msgspec.json.decode(line)
    assert (result["system"], result["workload"]) == ("perdure", workload)
    assert result["settings"]["transport"] == ("direct" if workload in WORKLOADS and transport == "direct" else "http")
    assert any(isinstance(value, int | float) and value > 0 for value in result.values())
