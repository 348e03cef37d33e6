"""What is signed with: requests to apps elsewhere, and notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.engine.directory import Directory
    from perdure.engine.key_ring import KeyRing
    from perdure.engine.secret_box import SecretBox


class SigningKeys:
    """Knows the keys of environments that are signed with: private ones, or one derived from the database's.

    Args:
        keys: The keys of the environments that a node serves.
        directory: Knows these environments.
        secrets: Derives a key where there is none.
        own_no: The environment that is meant where none is named.
        serves_all: Whether keys that are kept in the database count, and not only those of the settings.
    """

    def __init__(
        self, keys: KeyRing, directory: Directory, secrets: SecretBox, *, own_no: int, serves_all: bool
    ) -> None:
        self._keys = keys
        self._directory = directory
        self._secrets = secrets
        self._own_no = own_no
        self._serves_all = serves_all

    def newest(self, environment_no: int | None = None) -> str:
        """Give what notifications of an environment are signed with; of one that is not served, as of the own one.

        Args:
            environment_no: The environment; ``None``: the node's own.
        """
        is_known = environment_no is not None and environment_no in self._directory.tenants
        return self.of(environment_no if is_known and environment_no is not None else self._own_no)[0]

    def of(self, environment_no: int) -> list[str]:
        """Give the keys of an environment that its apps know, the first of which is signed with."""
        if self._serves_all:
            keys = self._keys.texts(environment_no)
        else:
            keys = [key.text for key in self._keys.given(environment_no) if key.text and not key.is_public]
        if keys:
            return keys
        is_own = environment_no == self._own_no
        environment_id = None if is_own else self._directory.tenants[environment_no].environment.id
        return [self._secrets.signing_key(environment_id)]
