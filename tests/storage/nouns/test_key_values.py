"""Values belong to an environment, and those of a run go with it."""

from __future__ import annotations

from perdure.protocol.execution import JsonText
from perdure.protocol.store_keys import job_key, run_key
from perdure.storage import key_values
from perdure.storage.interface import Storage
from tests.storage.nouns.rows import LATER, NOW, sow


async def put(storage: Storage, environment_no: int, key: str, value: str = "1") -> None:
    await storage.write(key_values.put, environment_no, key=key, value=JsonText(value), now=NOW)


async def test_a_key_has_one_value_in_each_environment(storage: Storage) -> None:
    seed = await sow(storage)
    here, there = seed.environment_no, seed.environment_no + 1
    await put(storage, here, "n")
    await put(storage, there, "n", "2")
    await storage.write(key_values.put, here, key="n", value=JsonText('"3"'), now=LATER)

    assert await storage.read(key_values.find, here, key="n") == '"3"'
    assert await storage.read(key_values.find, there, key="n") == "2"
    assert await storage.write(key_values.delete, there, key="n")
    assert not await storage.write(key_values.delete, there, key="n")
    assert await storage.read(key_values.find, there, key="n") is None
    assert [await storage.read(key_values.exists, each, key="n") for each in (here, there)] == [True, False]


async def test_keys_are_compared_byte_by_byte(storage: Storage) -> None:
    seed = await sow(storage)
    keys = ["n", "N", "n ", "ñ", "n\u0303", "%", "_"]
    for key in keys:
        await put(storage, seed.environment_no, key, f'"{key}"')
    found = [await storage.read(key_values.find, seed.environment_no, key=key) for key in keys]
    assert found == [f'"{key}"' for key in keys]


async def test_the_values_of_a_run_go_alone(storage: Storage) -> None:
    seed = await sow(storage)
    here, there = seed.environment_no, seed.environment_no + 1
    own = [run_key("run_1", name) for name in ("a", "z:z", "\U0010ffff", "0")]
    others = [run_key("run_10", "a"), run_key("run_", "a"), job_key("run_1", "a"), "run_1", "run:run_1"]
    for key in (*own, *others):
        await put(storage, here, key)
    await put(storage, there, own[0])

    assert await storage.write(key_values.delete_of_run, here, run_id="run_1", limit=3) == 3
    assert await storage.write(key_values.delete_of_run, here, run_id="run_1", limit=3) == len(own) - 3
    assert [key for key in (*own, *others) if await storage.read(key_values.exists, here, key=key)] == others
    assert await storage.read(key_values.exists, there, key=own[0])
