"""Power that fails: of what was not synced, any sectors may have reached the disk."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from typing import TYPE_CHECKING

import apsw
import pytest

from tests.storage.values import keys, open_values, pragma, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from perdure.storage.sqlite.database import SqliteFile

IMAGES = 2000 if os.environ.get("PERDURE_PROVE") else 60
SECTOR = 512


class Platter:
    """One file as the disk holds it: what was synced, and the writes since."""

    def __init__(self, synced: bytes = b"", pending: tuple[tuple[int, bytes | None], ...] = ()) -> None:
        self.synced = synced
        self.pending = list(pending)

    def copy(self) -> Platter:
        return Platter(self.synced, tuple(self.pending))

    def sync(self) -> None:
        content = bytearray(self.synced)
        for offset, data in self.pending:
            _apply(content, offset, data)
        self.synced, self.pending = bytes(content), []

    def after_power_loss(self, chance: random.Random) -> bytes:
        """What is found later: everything synced, and whichever sectors had arrived of the rest."""
        content = bytearray(self.synced)
        arrived = chance.random()
        for offset, data in self.pending:
            if data is None:
                if chance.random() < arrived:
                    _apply(content, offset, data)
                continue
            for start in range(0, len(data), SECTOR):
                if chance.random() < arrived:
                    _apply(content, offset + start, data[start : start + SECTOR])
        return bytes(content)


class RecordingFile(apsw.VFSFile):
    def __init__(self, disk: RecordingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        kept = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._disk = disk
        self._platter = disk.platters.setdefault(str(kept).rpartition("/")[2], Platter())

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        with self._disk.lock:
            self._platter.pending.append((offset, bytes(data)))
            self._disk.consider()

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        with self._disk.lock:
            self._platter.pending.append((size, None))
            self._disk.consider()

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        with self._disk.lock:
            self._platter.sync()
            self._disk.consider()


class RecordingDisk(apsw.VFS):
    """The default file system; now and then it keeps what a failure of power at that instant might leave."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__("recording", "unix", makedefault=True)
        self.lock = threading.Lock()
        self.platters: dict[str, Platter] = {}
        self.acknowledged: list[str] = []
        self.images: list[tuple[list[str], dict[str, Platter]]] = []
        self._chance = chance
        self.is_recording = False

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return RecordingFile(self, name, flags)

    def consider(self) -> None:
        if self.is_recording and self._chance.random() < 0.2:
            self.images.append((list(self.acknowledged), {name: each.copy() for name, each in self.platters.items()}))


@pytest.fixture
def disk() -> Iterator[RecordingDisk]:
    disk = RecordingDisk(random.Random(7))
    yield disk
    disk.unregister()


async def test_what_was_acknowledged_outlives_a_failure_of_power(tmp_path: Path, disk: RecordingDisk) -> None:
    storage = open_values(tmp_path / "values.db")
    await record(storage, disk, IMAGES)
    await storage.close()
    disk.unregister()

    lost = [await lost_from(tmp_path / f"{number}", disk, number) for number in range(IMAGES)]

    assert lost == [set()] * IMAGES


async def test_less_careful_syncing_would_be_found_out(tmp_path: Path, disk: RecordingDisk) -> None:
    storage = open_values(tmp_path / "values.db")
    storage._writer._connection.pragma("synchronous", 1)
    await record(storage, disk, 60)
    await storage.close()
    disk.unregister()

    lost = [await lost_from(tmp_path / f"{number}", disk, number) for number in range(60)]

    assert sum(map(bool, lost)) > 10


async def record(storage: SqliteFile, disk: RecordingDisk, images: int) -> None:
    async def write_on(writer: int) -> None:
        number = 0
        while len(disk.images) < images:
            key = await storage.write(put, f"{writer}-{number}", "x" * 700)
            with disk.lock:
                disk.acknowledged.append(key)
            number += 1

    # So that the log is carried over and starts anew every few commits, too.
    storage._writer._connection.pragma("wal_autocheckpoint", 15)
    disk.is_recording = True
    await asyncio.gather(*(write_on(writer) for writer in range(3)))
    disk.is_recording = False


async def lost_from(folder: Path, disk: RecordingDisk, number: int) -> set[str]:
    """Open what an image's disk would hold; the acknowledged keys that are not in it."""
    acknowledged, platters = disk.images[number]
    lay_out(folder, platters, random.Random(number))
    storage = open_values(folder / "values.db")
    stored = set(await storage.read(keys))
    assert await storage.read(pragma, "check_integrity") == "ok"
    await storage.close()
    return set(acknowledged) - stored


def lay_out(folder: Path, platters: dict[str, Platter], chance: random.Random) -> None:
    folder.mkdir()
    for name in ("values.db", "values.db-wal"):
        (folder / name).write_bytes(platters[name].after_power_loss(chance))


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
