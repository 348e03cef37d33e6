from __future__ import annotations

import inspect

import perdure
from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT

LISTED = [row[0].strip("`") for row in table_rows(ROOT / "docs" / "reference" / "names.md")]


def test_the_page_of_names_lists_what_the_package_exports() -> None:
    assert sorted(name for name in LISTED if "." not in name) == sorted(perdure.__all__)


def test_the_page_of_names_lists_every_call_of_the_task_library() -> None:
    calls = {name for name, _ in inspect.getmembers(perdure.IO, inspect.isfunction) if not name.startswith("_")}
    assert {name.removeprefix("io.") for name in LISTED if name.startswith("io.")} == calls | {"logger", "store"}


def test_every_call_of_the_client_that_the_page_lists_exists() -> None:
    calls = [name.removeprefix("client.") for name in LISTED if name.startswith("client.")]
    assert [name for name in calls if not hasattr(perdure.Client, name)] == []


def test_every_async_call_of_the_client_that_the_page_lists_has_a_blocking_twin() -> None:
    client = perdure.Client(id="names")
    calls = [name.removeprefix("client.") for name in LISTED if name.startswith("client.")]
    waiting = [name for name in calls if inspect.iscoroutinefunction(getattr(perdure.Client, name))]
    assert waiting
    assert [name for name in waiting if not callable(getattr(client.sync, name, None))] == []
