"""Registering an app: its jobs, their versions and subscriptions become rows, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from perdure.engine.matching import Subscriptions
from perdure.protocol.endpoint import Endpoint, EventTriggerSpec, Index, JobSpec
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.json_text import load
from perdure.storage import jobs, run_queue

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.storage.interface import Session, Storage
    from perdure.storage.jobs import DispatcherRow


class Registration:
    """Takes apps in."""

    def __init__(self, storage: Storage, clock: Clock, directory: Directory, hints: Hints) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._hints = hints

    async def register(self, environment_no: int, endpoint: Endpoint) -> Index:
        """Store what an app declares, in place of what it declared before, and execute its jobs from now on.

        Raises:
            DuplicateJobError: A job id is declared twice, also by another app of this node.
            InvalidFilterError: A trigger's filter cannot be compiled.
        """
        index = await endpoint.index()
        self._directory.check_unique(
            environment_no, endpoint_id=index.endpoint_id, job_ids=[spec.id for spec in index.jobs]
        )
        for spec in index.jobs:
            check_filters(spec)
        numbers, dispatchers = await self._storage.write(store_index, environment_no, index, now=self._clock.now())
        self._directory.host(environment_no, endpoint, endpoint_id=index.endpoint_id, jobs=numbers)
        self._directory.set_subscriptions(environment_no, Subscriptions(dispatchers))
        # Runs that were put off for want of this code need not wait for their turn; only now are they not put off anew.
        await self._storage.write(run_queue.hasten_postponed, numbers, now=self._clock.now())
        self._hints.run_is_in_line()
        return index


def check_filters(spec: JobSpec) -> None:
    """Refuse a trigger whose filters cannot be compiled.

    Raises:
        InvalidFilterError: The message begins with the place.
    """
    if isinstance(spec.trigger, EventTriggerSpec):
        for text, path in ((spec.trigger.filter, "filter"), (spec.trigger.context_filter, "context_filter")):
            if text is not None:
                compile_event_filter(load(text), path=path)


async def store_index(
    tx: Session, environment_no: int, index: Index, *, now: datetime
) -> tuple[dict[int, str], list[DispatcherRow]]:
    """Store an app's jobs; their numbers with their ids, and the subscriptions now in force."""
    endpoint_no = await jobs.register_endpoint(tx, environment_no, endpoint_id=index.endpoint_id, now=now)
    numbers: dict[int, str] = {}
    for spec in index.jobs:
        trigger = msgspec.json.encode(spec.trigger).decode()
        number = await jobs.register_job(
            tx, environment_no, endpoint_no=endpoint_no, spec=spec, trigger_spec=trigger, now=now
        )
        numbers[number] = spec.id
    await jobs.disable_undeclared(tx, environment_no, endpoint_no=endpoint_no, declared=tuple(numbers.values()))
    return numbers, await jobs.list_dispatchers(tx, environment_no)
