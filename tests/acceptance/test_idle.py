"""A node with nothing to do takes next to no processor time."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.acceptance.processes import started

SECONDS = 3.0
LARGEST_SHARE = 0.02
"""The promise is a quarter of it; a busy machine's caches may cost some."""


def test_an_idle_node_sleeps(tmp_path: Path) -> None:
    with started("idle", tmp_path, SECONDS) as program:
        share = float(program.hear()) / SECONDS
        assert program.end() == 0
    sys.stdout.write(f"an idle node takes {share:.2%} of one processor\n")
    assert share < LARGEST_SHARE
