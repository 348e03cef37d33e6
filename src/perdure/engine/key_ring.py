"""The keys that a node takes: those that its settings give, and those that are kept in the database.

All of them are held in memory, by their SHA-256: a request costs no look at the database, and one with a wrong key is
answered as fast as any other.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.protocol.api_keys import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.engine.clock import Clock
    from perdure.engine.secret_box import SecretBox
    from perdure.storage.api_keys import ApiKeyRow

USE_INTERVAL: Final = timedelta(minutes=1)
"""How exactly is kept when a key was used last."""

_UNREADABLE: Final = (
    "The key %s cannot be read, and no app asked with it: PERDURE_SECRET_KEY, or the key file beside the database, is "
    "not the one that it was stored with. Bring that back, or exchange the key: perdure keys rotate."
)


_log = logging.getLogger(__name__)


class RingKey(Struct, frozen=True):
    """A key.

    Attributes:
        id: Names it; of one that the settings give, the variable.
        environment_no: What it opens.
        is_public: Whether it may only read, on the routes that say so.
        is_given: Whether the settings give it.
        digest: Its SHA-256.
        text: The key itself; ``None``: it cannot be read any more.
        is_shown: Whether endpoints may learn it.
        expires_at: When it ceases to be valid; ``None``: never.
    """

    id: str
    environment_no: int
    is_public: bool
    is_given: bool
    digest: bytes
    text: str | None
    is_shown: bool = True
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"RingKey({self.id!r}, environment_no={self.environment_no})"


class KeyRing:
    """Knows every key of the environments that a node serves.

    Args:
        clock: The time.
        secrets: Decrypts the keys that the database keeps.
    """

    def __init__(self, clock: Clock, secrets: SecretBox) -> None:
        self._clock = clock
        self._secrets = secrets
        self._given: dict[int, list[RingKey]] = {}
        self._kept: dict[int, list[RingKey]] = {}
        self._by_digest: dict[bytes, RingKey] = {}
        self._used: dict[str, datetime] = {}
        self._unreadable: set[str] = set()

    def give(self, environment_no: int, name: str, key: str, *, is_shown: bool = True) -> None:
        """Take a key that the settings give, or this process has made for itself.

        Args:
            environment_no: What it opens.
            name: Where it is from.
            key: The key.
            is_shown: Whether it is shown to endpoints, and what they are asked is signed with it.
        """
        given = RingKey(name, environment_no, key.startswith("pk_"), True, digest_of(key), key, is_shown)
        self._given.setdefault(environment_no, []).append(given)
        self._index()

    def keep(self, environment_no: int, rows: Iterable[ApiKeyRow]) -> None:
        """Take the keys that the database has for an environment, newest first, in place of those it had."""
        self._kept[environment_no] = [self._read(environment_no, row) for row in rows]
        self._index()

    def find(self, digest: bytes) -> RingKey | None:
        """Find the key with this SHA-256, if it is valid."""
        key = self._by_digest.get(digest)
        return key if key is not None and (key.expires_at is None or self._is_valid(key)) else None

    def given(self, environment_no: int) -> list[RingKey]:
        """List the keys of an environment that the settings give."""
        return [key for key in self._given.get(environment_no, ()) if key.is_shown]

    def texts(self, environment_no: int, *, is_public: bool = False) -> list[str]:
        """List the valid keys of an environment themselves: first those that the settings give, then the newest."""
        keys = (*self._given.get(environment_no, ()), *self._kept.get(environment_no, ()))
        return [
            key.text
            for key in keys
            if key.text is not None and key.is_shown and key.is_public is is_public and self._is_valid(key)
        ]

    def has_private(self) -> bool:
        """Whether any environment has a private key."""
        return any(not key.is_public and self._is_valid(key) for key in self._by_digest.values())

    def note_use(self, key: RingKey) -> datetime | None:
        """Note that a key is used; the time, if that is to be kept."""
        if key.is_given:
            return None
        now = self._clock.now()
        last = self._used.get(key.id)
        if last is not None and now - last < USE_INTERVAL:
            return None
        self._used[key.id] = now
        return now

    def _is_valid(self, key: RingKey) -> bool:
        return key.expires_at is None or key.expires_at > self._clock.now()

    def _index(self) -> None:
        every = [key for keys in (*self._kept.values(), *self._given.values()) for key in keys]
        self._by_digest = {key.digest: key for key in every}
        ids = {key.id for key in every}
        self._used = {name: at for name, at in self._used.items() if name in ids}

    def _read(self, environment_no: int, row: ApiKeyRow) -> RingKey:
        text = None
        if row.sealed is not None:
            try:
                text = self._secrets.unseal(row.sealed, of=row.id)
            except ValueError:
                # It still opens its environment; what needs the key itself finds another, or says that there is none.
                text = None
                if not row.is_public and row.id not in self._unreadable:
                    self._unreadable.add(row.id)
                    _log.warning(_UNREADABLE, row.id)
        return RingKey(row.id, environment_no, row.is_public, False, row.hash, text, expires_at=row.expires_at)
