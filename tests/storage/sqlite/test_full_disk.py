"""A disk without room: a typed error, nothing half stored, and writing that goes on by itself."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest

from perdure.errors import StorageFullError
from tests.storage.processes import read_rest, started
from tests.storage.values import keys, open_values, pragma, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from perdure.storage.interface import Session, Storage


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def fill(tx: Session, key: str, rows: int) -> None:
    for number in range(rows):
        await put(tx, f"{key} {number}", "x" * 20_000)


async def write_on(storage: Storage, acknowledged: list[str]) -> None:
    for number in range(1000):
        acknowledged.append(await storage.write(put, f"{number:04}", "x" * 20_000))


async def test_that_nothing_can_be_stored_is_said_in_the_log_and_not_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = open_values(tmp_path / "values.db")
    await storage.write(put, "before", "x")
    await storage.write(pragma, "limit_pages")
    assert caplog.messages == []

    for number in range(3):
        with pytest.raises(StorageFullError):
            await storage.write(fill, f"large {number}", 100)

    (said,) = caplog.messages
    assert said.startswith("The database takes no writes. The disk is full; nothing was stored.")
    await storage.close()


async def test_a_database_at_its_largest_size_refuses_a_unit_alone_and_goes_on_reading(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db")
    await storage.write(pragma, "limit_pages")

    outcomes = await asyncio.gather(
        storage.write(put, "before", "x"),
        storage.write(fill, "large", 100),
        storage.write(put, "after", "x"),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], StorageFullError)
    # Whether SQLite undoes the statement or the transaction is its choice; no unit is half stored.
    stored = [key for key, outcome in zip(["before", "large", "after"], outcomes, strict=True) if outcome == key]
    assert await storage.read(keys) == sorted(stored)
    await storage.write(pragma, "unlimit_pages")
    await storage.write(fill, "large", 100)
    assert len(await storage.read(keys)) == len(stored) + 100
    await storage.close()


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    with started("fill", tmp_path / "values.db") as process:
        assert read_rest(process) == ["storage_full True", "True True", "True", "True"]


async def test_a_full_disk_refuses_writes_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    storage = open_values(small_disk / "values.db")
    acknowledged: list[str] = []
    ballast.write_bytes(b"x" * 400_000)

    with pytest.raises(StorageFullError):
        await write_on(storage, acknowledged)
    assert len(acknowledged) > 1
    assert await storage.read(keys) == acknowledged
    assert await storage.scan(pragma, "check_integrity") == "ok"

    ballast.unlink()
    acknowledged.append(await storage.write(put, "last", "x" * 20_000))
    await storage.close()
    again = open_values(small_disk / "values.db")
    assert await again.read(keys) == acknowledged
    await again.close()


def test_a_database_is_not_created_on_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(b"x" * 3_000_000)

    with pytest.raises(StorageFullError):
        open_values(small_disk / "values.db")
