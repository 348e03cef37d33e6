"""Stored values as clients of the v2 protocol know them: any text, which need not be JSON (section 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.errors import JsonError
from perdure.protocol.json_text import JsonText, check, dump, load
from perdure.protocol.store_keys import check_key
from perdure.storage import key_values

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.storage.interface import Storage

_EMPTY: Final = JsonText("null")


class StoredTexts:
    """The values of one environment. Whoever reads a text as JSON that is none gets a string of it, or null.

    Args:
        storage: The database.
        clock: The time.
        environment_no: The environment.
    """

    def __init__(self, storage: Storage, clock: Clock, environment_no: int) -> None:
        self._storage = storage
        self._clock = clock
        self._environment_no = environment_no

    async def get(self, key: str) -> str | None:
        """Give the text of a value as it was stored; ``None``: there is none.

        Raises:
            InvalidArgumentError: The key is none.
        """
        found = await self._storage.read(key_values.find_text, self._environment_no, key=check_key(key))
        if found is None:
            return None
        value, is_text = found
        if not is_text:
            return value
        return "" if value == _EMPTY else str(load(value))

    async def set(self, key: str, data: bytes) -> str:
        """Store a text, of a size that was checked; returns it when it is durable.

        Raises:
            InvalidArgumentError: The key is none.
            JsonError: The text is not UTF-8.
        """
        check_key(key)
        is_text = False
        try:
            text = value = check(data)
        except JsonError as error:
            if error.reason == "invalid_encoding":
                raise
            text, is_text = data.decode(), True
            value = dump(text) if text else _EMPTY
        await self._storage.write(
            key_values.put,
            self._environment_no,
            key=key,
            value=JsonText(value),
            is_text=is_text,
            now=self._clock.now(),
        )
        return text
