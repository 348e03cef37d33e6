"""The Bloom filter that tells a v2 client which of its noop tasks are complete (v2 protocol, section 6.4)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTES = 4096
_BITS = _BYTES * 8
_MASK = 0xFFFFFFFF


class NoopFilter:
    """A set of idempotency keys that may claim to hold one it does not, with a chance of n / 32768.

    Args:
        keys: The keys to start with.
    """

    __slots__ = ("_bits",)

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._bits = bytearray(_BYTES)
        for key in keys:
            self.add(key)

    @classmethod
    def decode(cls, text: str) -> NoopFilter:
        """Read the text that ``encode`` makes.

        Raises:
            InvalidArgumentError: It is not base 64 of 4096 bytes.
        """
        try:
            bits = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidArgumentError("The set of noop tasks is not base 64.") from error
        if len(bits) != _BYTES:
            raise InvalidArgumentError(f"The set of noop tasks has {len(bits)} bytes, not {_BYTES}.")
        decoded = cls()
        decoded._bits[:] = bits
        return decoded

    def encode(self) -> str:
        """Give the filter as base 64: 5464 characters."""
        return base64.b64encode(self._bits).decode("ascii")

    def add(self, key: str) -> None:
        """Put a key in."""
        bit = noop_bit(key)
        self._bits[bit >> 3] |= 1 << (bit & 7)

    def __contains__(self, key: str) -> bool:
        bit = noop_bit(key)
        return bool(self._bits[bit >> 3] & 1 << (bit & 7))


def noop_bit(key: str) -> int:
    """Give the number of a key's bit: the low word of a Murmur3 variant over its UTF-16 code units."""
    raw = key.encode("utf-16-le", "surrogatepass")
    units = [low | high << 8 for low, high in zip(raw[::2], raw[1::2], strict=True)]
    acc = 0xDEADBEEF
    for unit in units:
        acc = ((acc ^ unit) * 0xCC9E2D51) & _MASK
        acc = (acc << 15 | acc >> 17) & _MASK
        acc = (acc * 0x1B873593) & _MASK
    acc ^= len(units)
    acc = ((acc ^ acc >> 16) * 0x85EBCA6B) & _MASK
    acc = ((acc ^ acc >> 13) * 0xC2B2AE35) & _MASK
    acc ^= acc >> 16
    return acc % _BITS
