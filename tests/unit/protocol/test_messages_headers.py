from __future__ import annotations

import pytest

from perdure.protocol.messages.headers import supports_lazy_cached_tasks


@pytest.mark.parametrize("version", ["2023-09-29", "2023-11-01"])
def test_a_new_client_loads_cached_tasks_in_pages(version: str) -> None:
    assert supports_lazy_cached_tasks(version)


@pytest.mark.parametrize("version", ["2023-09-28", "", "unknown", "unversioned"])
def test_an_old_client_and_one_that_says_nothing_do_not(version: str) -> None:
    assert not supports_lazy_cached_tasks(version)
