"""What the database's key is for: tokens of callback URLs, and secrets that are stored until a task has ended."""

from __future__ import annotations

import hmac
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SecretBox:
    """Derives tokens and encrypts, each with a key of its own.

    Args:
        load_key: Gives the database's key (32 bytes); called when it is first needed.
        random_bytes: Gives that many random bytes.
    """

    def __init__(self, load_key: Callable[[], bytes], random_bytes: Callable[[int], bytes]) -> None:
        self._load_key = load_key
        self._random_bytes = random_bytes

    def token(self, task_id: str) -> str:
        """Derive the token of a task's callback URL: 64 hexadecimal digits, stored nowhere."""
        return hmac.new(self._token_key, task_id.encode(), sha256).hexdigest()

    def is_token(self, task_id: str, token: str) -> bool:
        """Whether a token is that of a task; takes as long for a wrong one."""
        return hmac.compare_digest(self.token(task_id).encode(), token.encode(errors="replace"))

    def endpoint_code(self, environment_id: str, key: str) -> str:
        """Derive the secret part of the URL of an HTTP endpoint: 32 hexadecimal digits, stored nowhere."""
        named = f"endpoint of {environment_id} {key}"
        return hmac.new(self._code_key, named.encode(errors="replace"), sha256).hexdigest()[:32]

    def is_endpoint_code(self, environment_id: str, key: str, code: str) -> bool:
        """Whether that is the code of an HTTP endpoint; takes as long for a wrong one."""
        return hmac.compare_digest(self.endpoint_code(environment_id, key).encode(), code.encode(errors="replace"))

    def receiving_secret(self, name: str) -> str:
        """Derive the secret that those who send to a receiver may sign with: 64 hexadecimal digits, stored nowhere."""
        return hmac.new(self._code_key, f"secret of {name}".encode(), sha256).hexdigest()

    def deploy_hook(self, environment_id: str, endpoint_id: str) -> str:
        """Derive the secret part of the URL by which an app is asked anew: 32 hexadecimal digits, stored nowhere."""
        named = f"hook of {environment_id} {endpoint_id}"
        return hmac.new(self._code_key, named.encode(errors="replace"), sha256).hexdigest()[:32]

    def is_deploy_hook(self, environment_id: str, endpoint_id: str, code: str) -> bool:
        """Whether that is the secret part; takes as long for a wrong one."""
        return hmac.compare_digest(
            self.deploy_hook(environment_id, endpoint_id).encode(), code.encode(errors="replace")
        )

    def signing_key(self, of: str | None = None) -> str:
        """Give the key that notifications to callback URLs are signed with: 64 hexadecimal digits.

        Args:
            of: The id of the environment whose they are, where a node serves several.
        """
        return self._derive("notifications" if of is None else f"notifications of {of}").hex()

    def seal(self, secret: str, *, of: str) -> bytes:
        """Encrypt a secret that belongs to this id; it can be opened for no other."""
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), of.encode())

    def unseal(self, sealed: bytes, *, of: str) -> str:
        """Decrypt what `seal` made for this id.

        Raises:
            ValueError: It was made with another key or for another id, or is damaged.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], of.encode()).decode()
        except InvalidTag as error:
            raise ValueError(f"The secrets of {of} cannot be decrypted with this key.") from error

    @cached_property
    def _key(self) -> bytes:
        return self._load_key()

    @cached_property
    def _token_key(self) -> bytes:
        return self._derive("callback tokens")

    @cached_property
    def _code_key(self) -> bytes:
        return self._derive("http endpoints")

    @cached_property
    def _cipher(self) -> AESGCM:
        # Costs more to load than everything else here, and few need it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._derive("secrets at rest"))

    def _derive(self, purpose: str) -> bytes:
        return hmac.new(self._key, f"perdure: {purpose}".encode(), sha256).digest()
