from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Commands
from tests.cli.shop import Shop


@pytest.fixture
def perdure(tmp_path: Path) -> Commands:
    """The command, run in an empty folder."""
    return Commands(tmp_path)


@pytest.fixture
def shop(perdure: Commands) -> Iterator[Shop]:
    """A node in that folder."""
    shop = Shop(perdure).open()
    yield shop
    shop.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command, run in a folder with a node that the tests of a module share."""
    commands = Commands(tmp_path_factory.mktemp("live"))
    shop = Shop(commands).open()
    yield commands
    shop.close()
