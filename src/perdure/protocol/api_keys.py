"""API keys: ``tr_<environment>_…``, and ``pk_…`` for keys that may be read by everybody (v2 protocol, section 2).

Those that a server makes have 256 random bits and end with a checksum, by which scanners of source code know them.
Those that somebody makes up may have any letters and digits.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 40
_RANDOM_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_MADE = re.compile(rf"(tr|pk)_[a-z]+_[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")


def make_key(environment: str, *, is_public: bool, random_bytes: Callable[[int], bytes]) -> str:
    """Make a key for the environment of this slug.

    Args:
        environment: The slug.
        is_public: Whether it may be read by everybody.
        random_bytes: Gives that many random bytes.
    """
    drawn = int.from_bytes(random_bytes(_RANDOM_BYTES))
    body = f"{'pk' if is_public else 'tr'}_{environment}_{_written(drawn, _RANDOM_LENGTH)}"
    return body + _checksum(body)


def is_made_key(text: str) -> bool:
    """Whether this is a whole key as `make_key` makes them."""
    is_of_form = _MADE.fullmatch(text) is not None
    return is_of_form and _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:]


def digest_of(key: str) -> bytes:
    """Give the SHA-256 by which a key is known; whatever was sent as one has it."""
    return sha256(key.encode(errors="surrogateescape")).digest()


def _checksum(body: str) -> str:
    return _written(crc32(body.encode()), _CHECKSUM_LENGTH)


def _written(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
