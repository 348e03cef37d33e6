"""Rate limits: a bucket of tokens for each key, as clients of the v2 protocol know them (section 4.14), or URL."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.api.refusals import Refusal
from perdure.protocol.messages.headers import RATE_LIMIT_HEADER, RATE_REMAINING_HEADER, RATE_RESET_HEADER

if TYPE_CHECKING:
    from perdure.config.settings import RateLimit
    from perdure.engine.clock import Clock

MOST_BUCKETS = 10_000
"""How many keys are counted; beyond that, those that have not asked for long begin anew."""

_KIND = "https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/429"


class Bucket(Struct):
    """The tokens that a key has, and when that was so."""

    tokens: float
    at: float


class RateLimits:
    """Counts the requests of keys.

    Only keys that open something are counted, so nobody fills the memory with others.

    Args:
        limit: How many are answered; ``None``: all.
        clock: The time.
        what: What is counted, in sentences.
    """

    def __init__(self, limit: RateLimit | None, clock: Clock, *, what: str = "key") -> None:
        self._limit = limit
        self._what = what
        self._clock = clock
        self._buckets: dict[bytes, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, digest: bytes | None) -> dict[str, str]:
        """Count a request; what its answer says of that in headers.

        Args:
            digest: The SHA-256 of its key, or its path; ``None``: it is not counted.

        Raises:
            Refusal: The key has been used too often.
        """
        limit = self._limit
        if limit is None or digest is None:
            return {}
        now = self._clock.monotonic()
        # What was used last stands last.
        bucket = self._buckets.pop(digest, None) or Bucket(float(limit.burst), now)
        bucket.tokens = min(limit.burst, bucket.tokens + (now - bucket.at) * limit.per_second)
        bucket.at = now
        self._buckets[digest] = bucket
        if len(self._buckets) > MOST_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        if bucket.tokens < 1:
            # Whoever came back for one token would have to go again at once: an execution for each of them.
            enough = min(limit.burst, max(1.0, limit.per_second))
            raise self._refusal(limit, (enough - bucket.tokens) / limit.per_second)
        bucket.tokens -= 1
        seconds = max(0.0, 1 - bucket.tokens) / limit.per_second
        return self._headers(limit, int(bucket.tokens), seconds)

    def _headers(self, limit: RateLimit, remaining: int, seconds: float) -> dict[str, str]:
        # A client waits until then, and rounds down.
        reset = self._clock.now_ms() + ceil(seconds * 1000)
        return {
            RATE_LIMIT_HEADER: str(limit.burst),
            RATE_REMAINING_HEADER: str(remaining),
            RATE_RESET_HEADER: str(reset),
        }

    def _refusal(self, limit: RateLimit, seconds: float) -> Refusal:
        headers = self._headers(limit, 0, seconds)
        sentence = f"This {self._what} has been used too often; ask again in {seconds:.2f} s."
        members = {
            "title": "Rate Limit Exceeded",
            "status": 429,
            "type": _KIND,
            "detail": sentence,
            "reset": int(headers[RATE_RESET_HEADER]),
            "limit": limit.burst,
            "secondsUntilReset": seconds,
        }
        return Refusal(
            429,
            "rate_limited",
            sentence,
            headers={**headers, "Retry-After": str(ceil(seconds)), "Content-Type": "application/problem+json"},
            members=members,
        )
