"""Registering an app: its jobs, their versions and subscriptions become rows, all at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.fitting import MOST_WARNINGS, fit
from perdure.engine.hastening import hasten_postponed
from perdure.engine.job_checks import check_job
from perdure.engine.matching import Subscriptions
from perdure.engine.schedule_changes import wake_resting
from perdure.engine.schedule_limits import check_schedules
from perdure.engine.stored_index import hasten, store_index
from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import Endpoint, Index
from perdure.protocol.json_text import load
from perdure.protocol.request_filter import compile_request_filter

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.connections import Connections
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.storage.interface import Storage

_log = logging.getLogger(__name__)

_BATCH = 500
"""How many schedules are woken in one transaction."""


class Registration:
    """Takes apps in."""

    def __init__(
        self, storage: Storage, clock: Clock, directory: Directory, hints: Hints, connections: Connections
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._hints = hints
        self._said: dict[tuple[int, str], tuple[str, ...]] = {}
        self._connections = connections
        self._unchecked: set[int] = set()

    async def register(self, environment_no: int, endpoint: Endpoint) -> Index:
        """Store what an app declares, in place of what it declared before, and execute its jobs from now on.

        Of an app that is elsewhere, what cannot be registered is left out and logged; one of this process is refused.

        Returns:
            What is registered, with warnings where that is not what was declared, and the jobs that are gone.

        Raises:
            DuplicateJobError: A job id is declared twice, also by another app of this node.
            InvalidFilterError: A trigger's filter cannot be compiled.
            InvalidArgumentError: A concurrency limit is none, or another app of this node has an HTTP endpoint of the
                same id; of an app of this process also: a schedule's timing is none, or a cron fires only in years.
        """
        declared = await endpoint.index()
        index = fit(declared) if declared.is_remote else declared
        self._directory.check_unique(
            environment_no, endpoint_id=index.endpoint_id, job_ids=[spec.id for spec in index.jobs if not spec.internal]
        )
        self._check_urls(environment_no, index)
        warnings = [*index.warnings]
        for spec in index.jobs:
            warnings += check_job(spec)
        for one in index.http_endpoints:
            if one.response_filter is not None:
                compiled = compile_request_filter(load(one.response_filter), lenient=True, path=f"{one.key}.filter")
                warnings += (f"HTTP endpoint {one.key!r:.80}: {warning}" for warning in compiled.warnings)
        check_schedules(index)
        directory = self._directory
        directory.let_start(is_allowed=False)
        try:
            stored = await self._storage.write(store_index, environment_no, index, now=self._clock.now())
            credentials = _credentials(index, stored.jobs)
            if directory.wants_others(stored.jobs, credentials):
                # Until it is done: the app wants the same when it is asked anew because this has failed.
                self._unchecked.add(environment_no)
            directory.host(
                environment_no, endpoint, endpoint_id=index.endpoint_id, jobs=stored.jobs, limits=stored.limits,
                http_keys=[one.key for one in index.http_endpoints if one.enabled], credentials=credentials,
            )  # fmt: skip
        finally:
            directory.let_start(is_allowed=True)
        directory.set_subscriptions(environment_no, Subscriptions(stored.dispatchers))
        # What was put off for want of this code need not wait for its turn; only now is it not put off anew.
        await hasten_postponed(self._storage, self._clock, list(stored.jobs))
        await self._storage.write(hasten, list(stored.jobs), now=self._clock.now())
        try:
            await self._wake_schedules(environment_no)
            if environment_no in self._unchecked:
                await self._connections.recheck(environment_no)
                self._unchecked.discard(environment_no)
        finally:
            # Not before that: who has asked for it, such as a worker, is given runs only when this returns.
            self._hints.run_is_in_line()
            self._hints.notifications.set()
        index = replace(index, gone=tuple(stored.gone))
        return self._with_warnings(environment_no, index, [*warnings, *stored.warnings])

    async def register_if_more(self, environment_no: int, endpoint: Endpoint) -> None:
        """Store what an app declares as `register` does, if it has jobs that it had not declared before."""
        declared = await endpoint.index()
        known = self._directory.job_ids(environment_no, declared.endpoint_id) or ()
        if {spec.id for spec in declared.jobs}.difference(known):
            await self.register(environment_no, endpoint)

    def _with_warnings(self, environment_no: int, index: Index, warnings: list[str]) -> Index:
        """Say what an app is registered otherwise than it declares, and log what was not so before."""
        said = tuple(warnings[:MOST_WARNINGS])
        known = self._said.get((environment_no, index.endpoint_id), ())
        for warning in said:
            if warning not in known:
                _log.warning("App %s: %s", index.endpoint_id, warning)
        self._said[environment_no, index.endpoint_id] = said
        return replace(index, warnings=said)

    def _check_urls(self, environment_no: int, index: Index) -> None:
        """Refuse an HTTP endpoint that another app has: its requests would go to whichever was asked last."""
        of_vendors = {one.key for one in index.sources if one.is_webhook}
        keys, app = {one.key for one in index.http_endpoints if one.enabled}, index.endpoint_id
        found = self._directory.owner_of_urls(environment_no, endpoint_id=app, keys=keys - of_vendors)
        if found is not None:
            raise InvalidArgumentError(
                f"HTTP endpoint {found[0]!r} of {app!r} is also defined in {found[1]!r}; ids must be unique in an "
                "environment. Rename one of them, or remove the other app."
            )
        found = self._directory.owner_of_urls(environment_no, endpoint_id=app, keys=keys & of_vendors)
        if found is not None:
            # Its id is made of what is wanted of the vendor, and both want the same.
            _log.warning("Webhook %s of %s is also one of %s: its requests go to %s.", *found, app, app)

    async def forget(self, environment_no: int, endpoint_id: str) -> None:
        """Let an app's jobs start no more, and do not ask it to execute what they have started."""
        directory = self._directory
        directory.let_start(is_allowed=False)
        try:
            index = Index(endpoint_id, (), is_remote=True)
            stored = await self._storage.write(store_index, environment_no, index, now=self._clock.now())
            directory.forget(environment_no, endpoint_id)
        finally:
            directory.let_start(is_allowed=True)
        directory.set_subscriptions(environment_no, Subscriptions(stored.dispatchers))

    async def _wake_schedules(self, environment_no: int) -> None:
        """Let the registrations with dynamic schedules tick again that start a job again; they may be many."""
        now = self._clock.now()
        after: int | None = 0
        while after is not None:
            after = await self._storage.write(wake_resting, environment_no, after=after, limit=_BATCH, now=now)
        self._hints.timer_is_set(now)


def _credentials(index: Index, job_nos: dict[int, str]) -> dict[int, dict[str, str]]:
    """Give, by the number of a job, which integrations have their credentials here: id by the job's own key."""
    hosted = {spec.id: dict(spec.hosted) for spec in index.jobs if spec.hosted}
    return {job_no: hosted[job_id] for job_no, job_id in job_nos.items() if job_id in hosted}
