"""Ids that sort by the time they were made, and slugs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_PREFIX: Final = "run_"
TASK_PREFIX: Final = "task_"

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
_PAIR_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}

# 256 is a multiple of 32, so a uniform byte stays a uniform digit.
_BYTE_TO_DIGIT = bytes(ord(_DIGITS[byte & 31]) for byte in range(256))

_RANDOM_DIGITS = 16
_STARTS_PER_DRAW = 64
_STEPS_PER_START = 1 << 20


class IdGenerator:
    """Makes ULIDs: 48 bits of milliseconds, then 80 random bits, 26 characters of Crockford's base 32.

    Each id is greater than the one before it from the same generator, also when the clock stands
    still or steps back: the millisecond never falls, and within one millisecond the random part
    counts up; when its low 20 bits are used up the millisecond runs ahead of the clock. Ids of
    different generators are ordered only as well as their clocks agree.

    One generator belongs to one thread (the event loop's). After a fork the child needs a new one:
    both would go on from the same state.

    Args:
        random_bytes: Gives that many random bytes; ``os.urandom`` outside tests.
        now_ms: Gives the clock's time in milliseconds since 1970.
    """

    __slots__ = ("_coarse", "_coarse_digits", "_head", "_last_ms", "_low", "_now_ms", "_random_bytes", "_starts")

    def __init__(self, random_bytes: Callable[[int], bytes], now_ms: Callable[[], int]) -> None:
        self._random_bytes = random_bytes
        self._now_ms = now_ms
        self._last_ms = -1
        self._coarse = -1
        self._coarse_digits = ""
        self._head = ""
        self._low = 0
        self._starts: list[str] = []

    def new(self, prefix: str) -> str:
        """Make an id in lower case, such as ``run_01hf3v9y2k7c4q8w5t6z0m1n3p``.

        Args:
            prefix: What the id starts with, underscore included.
        """
        now = self._now_ms()
        low = self._low + 1
        if now > self._last_ms:
            low = self._start(now)
        elif low == _STEPS_PER_START:
            low = self._start(self._last_ms + 1)
        self._low = low
        return f"{prefix}{self._head}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"

    def ulid(self) -> str:
        """Make an id in upper case without prefix, as v2 gives to events that have none."""
        return self.new("").upper()

    def _start(self, ms: int) -> int:
        """Begin a new millisecond at a random place; returns its low 20 bits."""
        if not self._starts:
            self._draw_starts()
        if ms >> 10 != self._coarse:
            self._coarse = ms >> 10
            self._coarse_digits = "".join([_PAIRS[(ms >> shift) & 1023] for shift in (40, 30, 20, 10)])
        start = self._starts.pop()
        self._last_ms = ms
        self._head = f"{self._coarse_digits}{_PAIRS[ms & 1023]}{start[:12]}"
        return _PAIR_VALUES[start[12:14]] << 10 | _PAIR_VALUES[start[14:]]

    def _draw_starts(self) -> None:
        """Fetch random digits for many milliseconds at once: one system call costs more than an id."""
        drawn = self._random_bytes(_RANDOM_DIGITS * _STARTS_PER_DRAW).translate(_BYTE_TO_DIGIT).decode("ascii")
        self._starts = [drawn[at : at + _RANDOM_DIGITS] for at in range(0, len(drawn), _RANDOM_DIGITS)]


# JavaScript's \s, which differs from Python's in U+001C–U+001F, U+0085 and U+FEFF.
_WHITESPACE = re.compile("[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
_NOT_IN_SLUG = re.compile(r"[^a-zA-Z0-9\-._~]")


def slugify(text: str) -> str:
    """Turn a name into a slug, by the rule of the v2 protocol, section 1.

    Lower case, each run of white space one ``-``, every character outside ``a-z 0-9 - . _ ~`` dropped.
    """
    return _NOT_IN_SLUG.sub("", _WHITESPACE.sub("-", text.lower()))
