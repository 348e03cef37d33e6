"""Keys: that of a database, which callback tokens are derived from and secrets encrypted with, and API keys."""

from __future__ import annotations

import os
import secrets
import string
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "PERDURE_SECRET_KEY"
_SHORTEST = 16
_FILE_BYTES = 32
_KEY_CHARACTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 20


def load_secret_key(key_file: Path | None, environ: Mapping[str, str] | None = None) -> bytes:
    """Give the key: that of ``PERDURE_SECRET_KEY``, else of the key file, which is made if it is missing.

    Args:
        key_file: Where the key of this database is kept; ``None``: nowhere, so it is a new one.
        environ: The environment variables; ``None``: those of the process.

    Returns:
        32 bytes.

    Raises:
        InvalidArgumentError: The variable is shorter than 16 characters, or the file does not hold a key.
    """
    given = check_secret_key(environ)
    if given is not None:
        return sha256(given.encode()).digest()
    if key_file is None:
        return secrets.token_bytes(_FILE_BYTES)
    try:
        key = bytes.fromhex(key_file.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return _make(key_file)
    except ValueError as error:
        raise InvalidArgumentError(f"{key_file} does not hold a key: 64 hexadecimal digits.") from error
    if len(key) != _FILE_BYTES:
        raise InvalidArgumentError(f"{key_file} does not hold a key: 64 hexadecimal digits.")
    if key_file.stat().st_mode & 0o077:
        key_file.chmod(0o600)
    return key


def check_secret_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Give what ``PERDURE_SECRET_KEY`` holds, or ``None``; a node needs its key late, and this is known early.

    Raises:
        InvalidArgumentError: It is shorter than 16 characters.
    """
    given = (os.environ if environ is None else environ).get(VARIABLE) or None
    if given is not None and len(given) < _SHORTEST:
        raise InvalidArgumentError(f"{VARIABLE} has {len(given)} characters; use {_SHORTEST} or more.")
    return given


def load_api_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Give the API key of the environment (``PERDURE_API_KEY``, else ``TRIGGER_API_KEY``), or ``None``."""
    source = os.environ if environ is None else environ
    return source.get("PERDURE_API_KEY") or source.get("TRIGGER_API_KEY") or None


def load_public_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Give the public API key of the environment (``PERDURE_PUBLIC_KEY``), or ``None``.

    Raises:
        InvalidArgumentError: It does not begin as public keys do.
    """
    key = (os.environ if environ is None else environ).get("PERDURE_PUBLIC_KEY") or None
    if key is not None and not key.startswith("pk_"):
        raise InvalidArgumentError("PERDURE_PUBLIC_KEY begins with pk_; it may be read by everybody.")
    return key


def new_api_key(environment: str) -> str:
    """Make an API key for an environment, in the form of the v2 protocol, section 2."""
    return f"tr_{environment}_{''.join(secrets.choice(_KEY_CHARACTERS) for _ in range(_KEY_LENGTH))}"


def _make(key_file: Path) -> bytes:
    """Make the file whole or not at all; if another process was first, its key is the one."""
    key = secrets.token_bytes(_FILE_BYTES)
    draft = key_file.with_name(f"{key_file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{key.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, key_file)
    except FileExistsError:
        return load_secret_key(key_file, {})
    finally:
        draft.unlink()
    folder = os.open(key_file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return key
