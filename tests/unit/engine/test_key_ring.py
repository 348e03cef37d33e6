from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.engine.key_ring import USE_INTERVAL, KeyRing
from perdure.engine.secret_box import SecretBox
from perdure.protocol.api_keys import digest_of
from perdure.storage.api_keys import ApiKeyRow
from tests.engine.clock import START, ManualClock


def box(key: bytes) -> SecretBox:
    return SecretBox(lambda: key * 32, lambda count: b"n" * count)


def row(key: str, *, hours: float | None = None, sealed_with: bytes = b"k") -> ApiKeyRow:
    expires_at = None if hours is None else START + timedelta(hours=hours)
    sealed = box(sealed_with).seal(key, of=f"id-{key}")
    return ApiKeyRow(f"id-{key}", key.startswith("pk_"), digest_of(key), sealed, key[-4:], START, expires_at, None)


def test_a_key_ceases_to_be_valid_when_its_time_is_over() -> None:
    clock = ManualClock()
    ring = KeyRing(clock, box(b"k"))
    ring.keep(1, [row("tr_dev_new"), row("tr_dev_old", hours=1)])
    assert ring.texts(1) == ["tr_dev_new", "tr_dev_old"]
    clock.advance(3599)
    assert ring.find(digest_of("tr_dev_old")) is not None
    clock.advance(1)
    assert ring.find(digest_of("tr_dev_old")) is None
    assert ring.texts(1) == ["tr_dev_new"]


def test_what_the_settings_give_comes_first_and_no_environment_has_keys_of_another() -> None:
    ring = KeyRing(ManualClock(), box(b"k"))
    ring.keep(1, [row("tr_dev_kept"), row("pk_dev_kept")])
    ring.give(1, "PERDURE_API_KEY", "tr_dev_given")
    ring.give(2, "PERDURE_PROD_API_KEY", "tr_prod_given")
    assert ring.texts(1) == ["tr_dev_given", "tr_dev_kept"]
    assert ring.texts(1, is_public=True) == ["pk_dev_kept"]
    assert ring.texts(2) == ["tr_prod_given"]


def test_a_key_opens_its_environment_also_when_the_key_of_the_database_has_changed() -> None:
    ring = KeyRing(ManualClock(), box(b"k"))
    ring.keep(1, [row("tr_dev_a", sealed_with=b"other")])
    found = ring.find(digest_of("tr_dev_a"))
    assert found is not None
    assert found.text is None
    assert ring.texts(1) == []


def test_a_key_that_cannot_be_read_is_told_of_once_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    ring = KeyRing(ManualClock(), box(b"k"))
    for _ in range(2):
        ring.keep(1, [row("tr_dev_a", sealed_with=b"other"), row("tr_dev_b"), row("pk_dev_c", sealed_with=b"other")])
    (line,) = [record.getMessage() for record in caplog.records]
    assert "id-tr_dev_a" in line
    assert "PERDURE_SECRET_KEY" in line


def test_that_a_key_is_used_is_kept_once_a_minute() -> None:
    clock = ManualClock()
    ring = KeyRing(clock, box(b"k"))
    ring.keep(1, [row("tr_dev_a")])
    key = ring.find(digest_of("tr_dev_a"))
    assert key is not None
    assert ring.note_use(key) == START
    assert ring.note_use(key) is None
    clock.advance(USE_INTERVAL.total_seconds())
    assert ring.note_use(key) is not None
