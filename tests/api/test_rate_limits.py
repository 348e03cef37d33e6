"""A key that asks too often is told when to ask again, in a form that clients of the v2 protocol wait by."""

from __future__ import annotations

import pytest

from perdure.api.rate_limits import MOST_BUCKETS, RateLimits
from perdure.api.refusals import Refusal
from perdure.config.settings import RateLimit, Settings
from tests.api.client import KEY, serving
from tests.api.test_operators import DEV, PROD, keys, nobody
from tests.engine.clock import ManualClock

__all__ = ["keys"]


def test_a_bucket_is_filled_again_while_time_passes() -> None:
    clock = ManualClock()
    limits = RateLimits(RateLimit(0.5, 3), clock)
    remaining = [limits.take(b"key")["x-ratelimit-remaining"] for _ in range(3)]
    assert remaining == ["2", "1", "0"]
    for waited, left in ((0, 2.0), (0.5, 1.5)):
        clock.advance(waited)
        with pytest.raises(Refusal) as refused:
            limits.take(b"key")
        assert refused.value.status == 429
        assert refused.value.headers is not None
        reset = int(refused.value.headers["x-ratelimit-reset"])
        assert reset == clock.now_ms() + left * 1000
    clock.advance(1.5)
    assert limits.take(b"key")["x-ratelimit-remaining"] == "0"
    clock.advance(3600)
    assert limits.take(b"key")["x-ratelimit-remaining"] == "2"


def test_whoever_is_refused_comes_back_when_there_is_enough_for_a_while() -> None:
    clock = ManualClock()
    for limit, seconds in ((RateLimit(10, 100), 1.0), (RateLimit(100, 20), 0.2), (RateLimit(0.1, 5), 10.0)):
        limits = RateLimits(limit, clock)
        for _ in range(limit.burst):
            limits.take(b"key")
        with pytest.raises(Refusal) as refused:
            limits.take(b"key")
        assert refused.value.members["secondsUntilReset"] == pytest.approx(seconds)


def test_each_key_has_a_bucket_of_its_own_and_there_are_only_so_many() -> None:
    limits = RateLimits(RateLimit(1, 1), ManualClock())
    for number in range(MOST_BUCKETS + 5):
        limits.take(str(number).encode())
    assert len(limits) == MOST_BUCKETS
    with pytest.raises(Refusal):
        limits.take(str(MOST_BUCKETS).encode())


def test_without_a_limit_nothing_is_counted() -> None:
    limits = RateLimits(None, ManualClock())
    assert [limits.take(b"key") for _ in range(1000)] == [{}] * 1000
    assert len(limits) == 0


async def test_a_key_that_asks_too_often_is_refused_and_no_other() -> None:
    settings = Settings(rate_limit=RateLimit(0.001, 2))
    async with serving(nobody(), serves_all=True, settings=settings) as owner:
        dev, prod = owner.with_key(DEV), owner.with_key(PROD)
        assert (await dev.get("/api/v2/runs/x")).headers["x-ratelimit-remaining"] == "1"
        answer = await dev.get("/api/node")
        assert (answer.status, answer.headers["x-ratelimit-limit"]) == (200, "2")
        refused = await dev.get("/api/node")
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.body["status"] == 429
        assert int(refused.headers["retry-after"]) >= 1
        reset = int(refused.headers["x-ratelimit-reset"])
        assert reset == refused.body["reset"]
        assert reset > 1_600_000_000_000
        assert (await prod.get("/api/node")).status == 200
        # Neither the owner, nor what needs no key, nor a wrong one is counted.
        for _ in range(4):
            assert "x-ratelimit-limit" not in (await owner.get("/api/node")).headers
            assert (await dev.with_key(None).get("/healthz")).status == 200
            assert (await dev.with_key(KEY).get("/api/node")).status == 401


async def test_signs_of_life_of_a_worker_are_taken_however_often_its_key_asks(keys: None) -> None:
    settings = Settings(rate_limit=RateLimit(0.001, 1))
    async with serving(nobody(), serves_all=True, settings=settings) as owner:
        api = owner.with_key(DEV)
        assert (await api.get("/api/runs")).status == 200
        assert (await api.get("/api/runs")).status == 429
        assert (await api.post("/api/workers/shop/beats", {"worker": "w1"})).status == 200
