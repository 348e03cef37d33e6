"""The scenarios that are not for a server are named as they are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenarios.embedded_only import REASONS

SCENARIOS = Path(__file__).parents[1] / "scenarios"


@pytest.mark.parametrize(("file", "test"), REASONS, ids=str)
def test_a_scenario_that_is_left_out_exists(file: str, test: str | None) -> None:
    text = (SCENARIOS / f"{file}.py").read_text(encoding="utf-8")

    assert test is None or re.search(rf"^(async )?def {test}\(", text, re.MULTILINE)
