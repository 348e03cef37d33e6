"""Which scenarios are not run with plain jobs is said, and no more than is true."""

from __future__ import annotations

import pytest

from tests.contracts.tree import ROOT
from tests.plain_twins import NoJobError, NotPlainError, read_source
from tests.plain_twins.async_only import DIFFERENT, NOT_PLAIN, Scenario

SCENARIOS = {path.stem: read_source(str(path)) for path in sorted((ROOT / "tests" / "scenarios").glob("test_*.py"))}


def refused() -> set[Scenario]:
    """The scenarios that have no plain twin although they have a job that could have one."""
    found: set[Scenario] = set()
    for file, source in SCENARIOS.items():
        for name in source.names:
            try:
                source.used_by(name)
            except NoJobError:
                continue
            except NotPlainError:
                if name.startswith("test_"):
                    found.add((file, name))
    return found


def test_every_scenario_without_a_plain_twin_is_listed_with_its_reason() -> None:
    listed = [scenario for scenarios in NOT_PLAIN.values() for scenario in scenarios]
    assert len(listed) == len({*listed})
    assert {*listed} ^ refused() == set(), "list what has no twin, and no more, in tests/plain_twins/async_only.py"


@pytest.mark.parametrize("scenario", DIFFERENT, ids=lambda scenario: scenario[1])
def test_what_is_listed_as_different_has_a_twin(scenario: Scenario) -> None:
    file, name = scenario
    assert SCENARIOS[file].used_by(name)
