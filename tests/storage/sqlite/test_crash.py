"""A process that is killed while it writes."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from tests.storage.processes import read_line, read_rest, started
from tests.storage.values import keys, open_values, pragma

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 40 if os.environ.get("PERDURE_PROVE") else 4


async def test_what_was_acknowledged_before_a_kill_is_there_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    acknowledged: list[str] = []
    chance = random.Random(5)

    for _ in range(ROUNDS):
        with started("append", path) as process:
            acknowledged += [read_line(process) for _ in range(chance.randrange(1, 400))]
            process.kill()
            acknowledged += read_rest(process)

        storage = open_values(path)
        stored = set(await storage.scan(keys))
        assert await storage.scan(pragma, "check_integrity") == "ok"
        await storage.close()

        assert {f"{key} {half}" for key in acknowledged for half in "ab"} <= stored
        assert {key[:-1] + "a" for key in stored} == {key for key in stored if key.endswith("a")}
        assert {key[:-1] + "b" for key in stored} == {key for key in stored if key.endswith("b")}

    assert len(acknowledged) > ROUNDS * 20
