"""Tests of jobs: an embedded node in memory with a clock that stands still, crashes at every point, and fakes.

`Env` is what a test acts on; the plugin for pytest, `plugin`, makes one for each test that asks for ``perdure_env``.
Does not live here: anything that a job needs outside a test.
"""

from __future__ import annotations

from perdure.testing.env import Env
from perdure.testing.fakes import Fake, Fakes
from perdure.testing.runs import EnvRun

# For those who name this package as a plugin of pytest.
pytest_plugins = ("perdure.testing.plugin",)

__all__ = ["Env", "EnvRun", "Fake", "Fakes"]
