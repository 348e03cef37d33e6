"""Secrets that the database's key does not open: it was lost or exchanged since they were stored."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from perdure.engine.connections import whose_credential
from perdure.storage import sealed_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.engine.secret_box import SecretBox
    from perdure.storage.interface import Storage

MOST: Final = 100
"""How many secrets of each kind are looked at; whoever lost the key has lost them all."""

_WARNING: Final = (
    "Secrets in the database cannot be read (%s): PERDURE_SECRET_KEY, or the key file beside the database, is not the "
    "one that they were stored with. Bring that back and start again; perdure doctor says what else can be done."
)

_log = logging.getLogger(__name__)


class UnreadableSecrets:
    """Finds them, without opening what is not looked for.

    Args:
        storage: The database.
        secrets: Decrypts.
    """

    def __init__(self, storage: Storage, secrets: SecretBox) -> None:
        self._storage = storage
        self._secrets = secrets

    async def count(self, environment_no: int) -> dict[str, int]:
        """Count them by their kind: ``api_keys``, ``connections``, ``sources``, ``requests``; some of each at most."""
        counted: Counter[str] = Counter()
        for one in await self._storage.scan(sealed_secrets.list_sealed, environment_no, limit=MOST):
            is_credential = one.kind == "connections"
            of = whose_credential(environment_no, one.whose, one.account_id) if is_credential else one.whose
            try:
                self._secrets.unseal(one.sealed, of=of)
            except ValueError:
                counted[one.kind] += 1
        return dict(counted)

    async def warn(self, environment_nos: Iterable[int]) -> None:
        """Write it to the log if there are any in these environments."""
        counted: Counter[str] = Counter()
        for environment_no in environment_nos:
            counted.update(await self.count(environment_no))
        if counted:
            _log.warning(_WARNING, ", ".join(f"{kind}: {count}" for kind, count in counted.items()))
