"""Files that cannot be used: damaged, replaced, read-only."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perdure.errors import StorageCorruptError, StorageError, StorageReadOnlyError
from tests.storage.values import get, keys, open_values, pragma, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from perdure.storage.interface import Storage

PAGE = 4096


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder nobody may write, root included, with a database in it."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        place.chmod(0o500)
        yield place
        place.chmod(0o700)
        return
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting a read-only disk is not allowed")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def make(path: Path, rows: int) -> None:
    storage = open_values(path)
    for number in range(rows):
        await storage.write(put, f"{number:04}", f"{number:04}" * 250)
    await storage.close()


async def write_on(storage: Storage) -> None:
    for number in range(1_000_000):
        await storage.write(put, f"{number}")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    path.write_bytes(b"These are my notes.\n" * 500)

    with pytest.raises(StorageCorruptError, match=r"values\.db"):
        open_values(path)

    assert path.read_bytes() == b"These are my notes.\n" * 500


async def test_a_damaged_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    await make(path, 10)
    _overwrite(path, 0, b"\xff" * 100)

    for _ in range(2):
        with pytest.raises(StorageCorruptError):
            open_values(path)


async def test_a_damaged_page_fails_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    await make(path, 300)
    # The leaves of the table lie at the end; one among them holds a few rows.
    _overwrite(path, -40 * PAGE, b"\xff" * PAGE)
    storage = open_values(path)

    failed: list[str] = []
    for number in range(300):
        try:
            assert await storage.read(get, f"{number:04}") == f"{number:04}" * 250
        except StorageCorruptError:
            failed.append(f"{number:04}")

    assert 1 <= len(failed) <= 10
    with pytest.raises(StorageCorruptError):
        await storage.write(put, failed[0], "new")
    assert await storage.write(put, "another") == "another"
    assert await storage.scan(pragma, "check_integrity") != "ok"
    await storage.close()


@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
async def test_a_file_deleted_while_open_ends_acknowledgements(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)
    await storage.write(put, "before")
    _delete(f"{path}{suffix}")

    with pytest.raises(StorageCorruptError, match="deleted or replaced"):
        await write_on(storage)

    await storage.close()


async def test_a_replaced_file_is_not_touched_when_the_old_one_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    await make(tmp_path / "backup.db", 3)
    storage = open_values(path)
    await storage.write(put, "before")
    _replace(path, tmp_path / "backup.db")
    log = _make_log_of_another(path)

    with pytest.raises(StorageCorruptError):
        await write_on(storage)
    await storage.close()

    assert log() == b"of another process"
    _delete(f"{path}-wal")
    again = open_values(path)
    assert await again.read(keys) == ["0000", "0001", "0002"]
    await again.close()


async def test_the_log_of_another_process_is_not_deleted_when_the_storage_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)
    await storage.write(put, "before")
    log = _make_log_of_another(path)

    await storage.close()

    assert log() == b"of another process"


def test_a_folder_that_cannot_be_written_is_refused(read_only_disk: Path) -> None:
    with pytest.raises(StorageReadOnlyError, match=r"values\.db"):
        open_values(read_only_disk / "values.db")


def test_a_folder_that_cannot_be_made_is_refused(read_only_disk: Path) -> None:
    with pytest.raises(StorageReadOnlyError):
        open_values(read_only_disk / "deeper" / "values.db")


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    asyncio.run(make(path, 3))
    if os.geteuid() == 0:
        made = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
        if made.returncode != 0:
            pytest.skip("this file system has no immutable files")
    else:
        path.chmod(0o400)
    try:
        with pytest.raises(StorageReadOnlyError):
            open_values(path)
    finally:
        if os.geteuid() == 0:
            subprocess.run(["chattr", "-i", str(path)], check=True)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        open_values(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(StorageError, match="cannot be used"):
        open_values(tmp_path / "file" / "values.db")


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
        file.write(data)


def _delete(path: str) -> None:
    Path(path).unlink()


def _replace(path: Path, by: Path) -> None:
    by.replace(path)


def _make_log_of_another(path: Path) -> Callable[[], bytes]:
    log = Path(f"{path}-wal")
    log.unlink()
    log.write_bytes(b"of another process")
    return log.read_bytes
