"""A server, and a Python app behind HTTP that has registered with it: two real programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.programs_at_work import Pair


@pytest.fixture(scope="session", params=["native", "plain", "worker"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both programs, for tests that leave them as they are.

    In plain v2, neither knows that the other is perdure's. A worker dials the server, and has no URL.
    """
    folder, way = tmp_path_factory.mktemp("adapters"), request.param
    with Pair(folder, is_native=way != "plain", is_worker=way == "worker") as started:
        yield started
