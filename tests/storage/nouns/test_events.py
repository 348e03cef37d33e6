"""Events are stored once, replaced only while they are far, and delivered once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from perdure.errors import StorageError
from perdure.storage import events
from perdure.storage.interface import Storage
from tests.storage.nouns.rows import NOW, new_event, sow

FAR = NOW + timedelta(seconds=60)


async def test_an_id_is_stored_once_in_an_environment(storage: Storage) -> None:
    seed = await sow(storage)
    for environment_no, is_new in ((seed.environment_no, False), (seed.environment_no + 1, True)):
        number = await storage.write(
            events.insert_event, environment_no, event=new_event("e"), account_no=None, now=NOW
        )
        assert (number is not None) is is_new


async def test_an_event_is_replaced_only_while_it_is_far(storage: Storage) -> None:
    seed = await sow(storage)
    far = new_event("far", deliver_at=FAR)
    number = await storage.write(events.insert_event, seed.environment_no, event=far, account_no=None, now=NOW)
    replace = events.replace_if_far

    limit = FAR + timedelta(milliseconds=1)
    assert await storage.write(replace, seed.environment_no, event=far, far=limit, now=NOW) is None
    assert await storage.write(replace, seed.environment_no, event=far, far=FAR, now=NOW) == number
    assert await storage.write(replace, seed.environment_no + 1, event=far, far=FAR, now=NOW) is None
    assert await storage.write(replace, seed.environment_no, event=new_event("e"), far=NOW, now=NOW) is None


async def test_an_event_is_delivered_once_and_as_it_was_matched(storage: Storage) -> None:
    seed = await sow(storage)
    far = new_event("far", deliver_at=FAR)
    await storage.write(events.insert_event, seed.environment_no, event=far, account_no=None, now=NOW)
    seen = await storage.read(events.find_event, seed.environment_no, event_id="far")
    assert seen is not None
    later = NOW + timedelta(milliseconds=1)
    await storage.write(events.replace_if_far, seed.environment_no, event=far, far=FAR, now=later)
    assert not await storage.write(events.deliver_if_pending, seen, now=FAR)

    seen = await storage.read(events.find_event, seed.environment_no, event_id="far")
    assert seen is not None
    assert await storage.write(events.deliver_if_pending, seen, now=FAR)
    assert not await storage.write(events.deliver_if_pending, seen, now=FAR)
    assert await storage.write(events.replace_if_far, seed.environment_no, event=far, far=FAR, now=FAR) is None


async def test_an_event_is_cancelled_once_and_only_if_it_was_not_delivered(storage: Storage) -> None:
    seed = await sow(storage)
    for event_id, at in (("far", FAR), ("due", NOW)):
        event = new_event(event_id, deliver_at=at)
        await storage.write(events.insert_event, seed.environment_no, event=event, account_no=None, now=NOW)
    cancel, at = events.cancel_if_pending, NOW + timedelta(milliseconds=1)

    assert await storage.write(cancel, seed.environment_no + 1, event_id="far", now=at) is None
    assert await storage.write(cancel, seed.environment_no, event_id="due", now=at) is None
    assert await storage.write(cancel, seed.environment_no, event_id="far", now=at) is not None
    assert await storage.write(cancel, seed.environment_no, event_id="far", now=FAR) is None

    row = await storage.read(events.find_event, seed.environment_no, event_id="far")
    assert row is not None
    assert (row.cancelled_at, row.created_at) == (at, NOW)
    assert not await storage.write(events.deliver_if_pending, row, now=FAR)
    far = new_event("far", deliver_at=FAR)
    assert await storage.write(events.replace_if_far, seed.environment_no, event=far, far=FAR, now=at) is None


async def test_only_an_event_that_was_delivered_to_nobody_is_cancelled_as_if_it_had_not_been_delivered(
    storage: Storage,
) -> None:
    seed = await sow(storage)
    for event_id, at in (("unheard", NOW), ("heard", NOW), ("far", FAR)):
        event = new_event(event_id, deliver_at=at)
        await storage.write(events.insert_event, seed.environment_no, event=event, account_no=None, now=NOW)
    await storage.write(events.note_unmatched, seed.environment_no, event_id="unheard")
    cancel, at = events.cancel_if_unmatched, NOW + timedelta(milliseconds=1)

    assert await storage.write(cancel, seed.environment_no + 1, event_id="unheard", now=at) is None
    for event_id, is_cancelled in (("heard", False), ("far", False), ("unheard", True), ("unheard", False)):
        done = await storage.write(cancel, seed.environment_no, event_id=event_id, now=at)
        assert (done is not None) is is_cancelled
    row = await storage.read(events.find_event, seed.environment_no, event_id="unheard")
    assert row is not None
    assert (row.delivered_at, row.cancelled_at, row.is_unmatched) == (None, at, False)
    assert not await storage.write(events.deliver_if_pending, row, now=FAR)


async def test_an_event_is_stored_with_what_is_known_of_it_that_nobody_wants_it(storage: Storage) -> None:
    seed = await sow(storage)
    for event_id, is_unmatched in (("unheard", True), ("heard", False)):
        event = replace(new_event(event_id), is_unmatched=is_unmatched)
        await storage.write(events.insert_event, seed.environment_no, event=event, account_no=None, now=NOW)
        row = await storage.read(events.find_event, seed.environment_no, event_id=event_id)
        assert row is not None
        assert row.is_unmatched is is_unmatched


async def test_an_event_that_was_not_delivered_was_not_delivered_to_nobody_either(storage: Storage) -> None:
    seed = await sow(storage)
    far = new_event("far", deliver_at=FAR)
    await storage.write(events.insert_event, seed.environment_no, event=far, account_no=None, now=NOW)
    with pytest.raises(StorageError):
        await storage.write(events.note_unmatched, seed.environment_no, event_id="far")


async def test_an_event_knows_the_runs_it_started(storage: Storage) -> None:
    seed = await sow(storage)

    (run,) = await storage.read(events.list_runs, seed.event_no)
    assert (run.id, run.job_id, run.status, run.started_at, run.completed_at) == ("run_1", "job", "QUEUED", None, None)
    assert await storage.read(events.list_runs, seed.event_no + 1) == []
