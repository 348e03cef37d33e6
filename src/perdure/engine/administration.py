"""Environments and their keys: made, listed, exchanged, taken back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from perdure.engine.tenancy import DEFAULT_SLUG, MOST, default_tenant, open_tenant
from perdure.errors import InvalidArgumentError, NotFoundError, StorageError
from perdure.protocol.administration import EnvironmentAnswer, KeyAnswer, MadeKeyAnswer
from perdure.protocol.api_keys import digest_of, make_key
from perdure.storage import api_keys, environments
from perdure.storage.api_keys import ApiKeyRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.key_ring import KeyRing, RingKey
    from perdure.engine.secret_box import SecretBox
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.statuses import EnvironmentType
    from perdure.storage.environments import EnvironmentRow
    from perdure.storage.interface import Session, Storage

MOST_KEYS: Final = 1000
"""How many keys an environment may have."""

LONGEST_OVERLAP: Final = timedelta(hours=24)
"""For how long a key may stay valid beside the one that takes its place."""

_REMEMBERED: Final = timedelta(days=30)
"""How long a key is shown that has expired."""


class Administration:
    """Does what an operator asks.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        directory: Knows the environments that this node serves.
        ring: Knows their keys.
        secrets: Encrypts keys.
        random_bytes: Gives that many random bytes.
        open_environment: Lets this node serve an environment.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        directory: Directory,
        ring: KeyRing,
        secrets: SecretBox,
        *,
        random_bytes: Callable[[int], bytes],
        open_environment: Callable[[EnvironmentRow], Awaitable[None]],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._ring = ring
        self._secrets = secrets
        self._random_bytes = random_bytes
        self._open_environment = open_environment
        self._noting: set[asyncio.Task[None]] = set()

    async def list_environments(self) -> list[EnvironmentAnswer]:
        """List the environments of the database, in the order of their creation."""
        found = await self._storage.read(environments.list_environments, project=DEFAULT_SLUG, limit=MOST)
        return [_environment(row) for row in found]

    async def create_environment(self, slug: str, kind: EnvironmentType | None) -> EnvironmentAnswer:
        """Create an environment; one that is there is given back as it is.

        Raises:
            InvalidArgumentError: The name is none, says nothing of its type, or there are too many.
        """
        found = await self._storage.read(environments.find_environment, project=DEFAULT_SLUG, slug=slug)
        if found is None:
            wanted = default_tenant(slug, self._ids, kind=kind)
            if len(await self.list_environments()) >= MOST:
                raise InvalidArgumentError(f"There are {MOST} environments; there can be no more.")
            found = await self._storage.write(open_tenant, wanted, now=self._clock.now())
        elif kind not in (None, found.tenant.environment.type):
            raise InvalidArgumentError(f"The environment {slug!r} is one of {found.tenant.environment.type.lower()}.")
        await self._open_environment(found)
        return _environment(found)

    async def list_keys(self, environment_no: int) -> list[KeyAnswer]:
        """List the keys of an environment: those that the settings give, then the others, newest first."""
        slug = self._slug(environment_no)
        rows = await self._storage.read(api_keys.list_all, environment_no, limit=MOST_KEYS)
        return [
            *[_given(key, slug) for key in self._ring.given(environment_no)],
            *[_key(row, slug) for row in rows],
        ]

    async def create_key(self, environment_no: int, *, is_public: bool = False) -> MadeKeyAnswer:
        """Make a key; the answer alone has it whole.

        Raises:
            InvalidArgumentError: The environment has too many.
        """
        row, made = self._make(environment_no, is_public=is_public)
        now = self._clock.now()
        if not await self._storage.write(_add, environment_no, row, before=now - _REMEMBERED):
            raise InvalidArgumentError(f"An environment has at most {MOST_KEYS:,} keys; those that expired count, too.")
        await self._reload(environment_no)
        return made

    async def rotate_key(self, environment_no: int, key_id: str, *, overlap: timedelta) -> MadeKeyAnswer:
        """Make a key in place of another, which stays valid for a while.

        Args:
            environment_no: Whose it is.
            key_id: The key whose place it takes.
            overlap: For how long that one stays valid.

        Raises:
            NotFoundError: The environment has no such key, or it has expired.
            InvalidArgumentError: The time is longer than a day, or the key is given by a variable.
        """
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise InvalidArgumentError("The old key stays valid for 0 to 24 hours.")
        old = await self._find(environment_no, key_id)
        row, made = self._make(environment_no, is_public=old.is_public)
        if not await self._storage.write(_exchange, environment_no, key_id, row, at=self._clock.now() + overlap):
            raise NotFoundError(f"The key {key_id!r} has expired.")
        await self._reload(environment_no)
        return made

    async def revoke_key(self, environment_no: int, key_id: str) -> None:
        """Take a key back: it opens nothing from now on.

        Raises:
            NotFoundError: The environment has no such key, or it has expired.
            InvalidArgumentError: The key is given by a variable.
        """
        await self._find(environment_no, key_id)
        now = self._clock.now()
        if not await self._storage.write(api_keys.revoke_if_valid, environment_no, key_id=key_id, now=now):
            raise NotFoundError(f"The key {key_id!r} has expired.")
        await self._reload(environment_no)

    def note_use(self, key: RingKey) -> None:
        """Note that a key is used, without waiting until that is stored."""
        at = None if key.is_given else self._ring.note_use(key)
        if at is not None:
            task = asyncio.create_task(self._keep_use(key, at))
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def stop(self) -> None:
        """Wait until what is noted is stored."""
        await asyncio.gather(*self._noting)

    async def _keep_use(self, key: RingKey, at: datetime) -> None:
        # What it is for can be a minute old, or missing.
        with suppress(StorageError):
            await self._storage.write(api_keys.keep_use, key.environment_no, key_id=key.id, now=at)

    async def _find(self, environment_no: int, key_id: str) -> ApiKeyRow:
        if any(key.id == key_id for key in self._ring.given(environment_no)):
            raise InvalidArgumentError(f"The key {key_id} is given by the settings; change it there.")
        found = await self._storage.read(api_keys.find, environment_no, key_id=key_id)
        if found is None:
            raise NotFoundError(f"There is no key {key_id!r:.80} in this environment.")
        return found

    async def _reload(self, environment_no: int) -> None:
        self._ring.keep(environment_no, await self._storage.read(api_keys.list_all, environment_no, limit=MOST_KEYS))

    def _make(self, environment_no: int, *, is_public: bool) -> tuple[ApiKeyRow, MadeKeyAnswer]:
        slug = self._slug(environment_no)
        key = make_key(slug, is_public=is_public, random_bytes=self._random_bytes)
        key_id, now = self._ids.new("key_"), self._clock.now()
        sealed = self._secrets.seal(key, of=key_id)
        row = ApiKeyRow(key_id, is_public, digest_of(key), sealed, key[-4:], now, None, None)
        return row, MadeKeyAnswer(key_id, slug, is_public, key, now)

    def _slug(self, environment_no: int) -> str:
        return self._directory.tenants[environment_no].environment.slug


async def _add(tx: Session, environment_no: int, key: ApiKeyRow, *, before: datetime) -> bool:
    await api_keys.delete_expired(tx, environment_no, before=before)
    if await api_keys.count(tx, environment_no) >= MOST_KEYS:
        return False
    await api_keys.insert(tx, environment_no, key)
    return True


async def _exchange(tx: Session, environment_no: int, key_id: str, key: ApiKeyRow, *, at: datetime) -> bool:
    """Let a key expire, and add the one that takes its place, unless the old one has expired."""
    if not await api_keys.expire_if_valid(tx, environment_no, key_id=key_id, at=at, now=key.created_at):
        return False
    return await _add(tx, environment_no, key, before=key.created_at - _REMEMBERED)


def _environment(row: EnvironmentRow) -> EnvironmentAnswer:
    environment = row.tenant.environment
    return EnvironmentAnswer(environment.id, environment.slug, environment.type, row.created_at)


def _given(key: RingKey, slug: str) -> KeyAnswer:
    last_four = "" if key.text is None else key.text[-4:]
    return KeyAnswer(key.id, slug, key.is_public, last_four, None, None, None)


def _key(row: ApiKeyRow, slug: str) -> KeyAnswer:
    return KeyAnswer(row.id, slug, row.is_public, row.last_four, row.created_at, row.expires_at, row.used_at)
