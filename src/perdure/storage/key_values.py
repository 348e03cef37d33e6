"""Values stored under keys, by environment; a key names the job or run that owns it, if one does."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.protocol.execution import JsonText
from perdure.protocol.store_keys import run_key
from perdure.storage.instants import from_ms, to_ms

if TYPE_CHECKING:
    from perdure.storage.interface import Session


class KeyRow(Struct, frozen=True, gc=False):
    """A key, and the size of its value in bytes."""

    key: str
    size: int
    updated_at: datetime


async def list_keys(tx: Session, environment_no: int, *, prefix: str, first: str, limit: int) -> list[KeyRow]:
    """List keys that begin with a prefix, from one on that is not before it, in their order."""
    keys: list[KeyRow] = []
    for row in await tx.all("list_key_values", environment_no, first, limit):
        key, size, updated = cast("tuple[str, int, int]", row)
        if not key.startswith(prefix):
            break
        keys.append(KeyRow(key, size, from_ms(updated)))
    return keys


async def find(tx: Session, environment_no: int, *, key: str) -> JsonText | None:
    """Look a value up."""
    row = await tx.one("find_key_value", environment_no, key)
    return None if row is None else JsonText(cast("tuple[str]", row)[0])


async def find_text(tx: Session, environment_no: int, *, key: str) -> tuple[JsonText, bool] | None:
    """Look a value up, and whether it stands for a text that is no JSON."""
    row = await tx.one("find_key_value_text", environment_no, key)
    if row is None:
        return None
    value, is_text = cast("tuple[str, int]", row)
    return JsonText(value), bool(is_text)


async def exists(tx: Session, environment_no: int, *, key: str) -> bool:
    """Whether there is a value."""
    return await tx.one("key_value_exists", environment_no, key) is not None


async def put(
    tx: Session, environment_no: int, *, key: str, value: JsonText, is_text: bool = False, now: datetime
) -> None:
    """Store a value in place of what the key had; ``is_text``: it stands for a text that is no JSON."""
    await tx.run("put_key_value", environment_no, key, value, is_text, to_ms(now))


async def delete(tx: Session, environment_no: int, *, key: str) -> bool:
    """Delete a value; whether there was one."""
    return await tx.run("delete_key_value", environment_no, key) == 1


async def delete_of_run(tx: Session, environment_no: int, *, run_id: str, limit: int) -> int:
    """Delete values that a run owns, at most so many; how many there were."""
    first = run_key(run_id, "")
    # A colon ends the run's id, and a semicolon is the character after it.
    return await tx.run("delete_some_key_values", environment_no, first, f"{first[:-1]};", limit)
