from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Commands


@pytest.fixture
def perdure(tmp_path: Path) -> Commands:
    """The command, run in an empty folder."""
    return Commands(tmp_path)
