"""What this node knows by heart: environments, subscriptions, and which endpoint has the code of which job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.absences import Absences
from perdure.engine.matching import Subscriptions
from perdure.errors import DuplicateJobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.execution import Tenant
    from perdure.storage.jobs import DispatcherRow, JobRow


AWAITED_LIMIT = 10_000
_NOTHING: Mapping[int, dict[str, str]] = {}


class Directory:
    """Environments, subscriptions and hosted jobs of a node.

    Attributes:
        tenants: Each environment with its project and organization, by its number.
        hosts: Which endpoint has the code of which job, by the job's number.
        limits: Under which concurrency limit hosted jobs are that are under one.
        credentials: Which integrations of hosted jobs have their credentials here: id by the job's own key, by job.
        startable: The hosted jobs that are under none, so that their runs may be executed without standing in line.
        any_may_be_awaited: Whether tasks may wait for events that this node does not know of by name.
        absences: The apps that nobody has answered for lately.
        jobs: Jobs hosted here that were looked up, by environment and id; forgotten when an endpoint registers.
    """

    def __init__(self) -> None:
        self.tenants: dict[int, Tenant] = {}
        self.hosts: dict[int, Endpoint] = {}
        self.limits: dict[int, int] = {}
        self.credentials: dict[int, dict[str, str]] = {}
        self.startable: set[int] = set()
        self.absences = Absences()
        self.jobs: dict[tuple[int, str], JobRow] = {}
        self._subscriptions: dict[int, Subscriptions] = {}
        # Names are only ever added: one too many costs a query.
        self._awaited: set[tuple[int, str]] = set()
        self.any_may_be_awaited = False
        self._job_ids: dict[tuple[int, str], dict[int, str]] = {}
        self._apps: dict[tuple[int, str], Endpoint] = {}
        self._http_keys: dict[tuple[int, str], frozenset[str]] = {}

    def subscriptions(self, environment_no: int) -> Subscriptions:
        """The subscriptions in force in an environment."""
        return self._subscriptions[environment_no]

    def set_subscriptions(self, environment_no: int, subscriptions: Subscriptions) -> None:
        """Replace the subscriptions of an environment."""
        self._subscriptions[environment_no] = subscriptions

    def subscribe(self, environment_no: int, rows: Iterable[DispatcherRow]) -> None:
        """Replace the subscriptions of an environment by these rows'."""
        self._subscriptions[environment_no] = Subscriptions(rows)

    def event_is_awaited(self, environment_no: int, name: str) -> None:
        """Note that a task waits for events of this name, before that is stored."""
        if len(self._awaited) >= AWAITED_LIMIT:
            self.any_may_be_awaited = True
        else:
            self._awaited.add((environment_no, name))

    def may_be_awaited(self, environment_no: int, names: Iterable[str]) -> bool:
        """Whether a task may wait for an event of one of these names: asking the database costs each event a little."""
        awaited = self._awaited
        return self.any_may_be_awaited or any((environment_no, name) in awaited for name in names)

    def app(self, environment_no: int, endpoint_id: str) -> Endpoint | None:
        """The app that was registered last under an id, if it is here."""
        return self._apps.get((environment_no, endpoint_id))

    def endpoints(self) -> set[Endpoint]:
        """The endpoints that host a job."""
        return set(self.hosts.values())

    def owner_of_urls(self, environment_no: int, *, endpoint_id: str, keys: Iterable[str]) -> tuple[str, str] | None:
        """Find an HTTP endpoint among these that another app of this node has; its key, and the app's id."""
        wanted = set(keys)
        for (environment, owner), owned in self._http_keys.items():
            if environment == environment_no and owner != endpoint_id and (shared := wanted & owned):
                return min(shared), owner
        return None

    def check_unique(self, environment_no: int, *, endpoint_id: str, job_ids: Iterable[str]) -> None:
        """Refuse job ids that are declared twice.

        Raises:
            DuplicateJobError: Twice by this endpoint, or also by another one of this node.
        """
        owners = {
            job_id: owner
            for (environment, owner), jobs in self._job_ids.items()
            if environment == environment_no and owner != endpoint_id
            for job_id in jobs.values()
        }
        seen: set[str] = set()
        for job_id in job_ids:
            if job_id in seen:
                raise DuplicateJobError(f"Job {job_id!r} is defined twice in {endpoint_id!r}; ids must be unique.")
            if job_id in owners:
                raise DuplicateJobError(
                    f"Job {job_id!r} of {endpoint_id!r} is also defined in {owners[job_id]!r}; ids must be unique."
                )
            seen.add(job_id)

    def host(
        self,
        environment_no: int,
        endpoint: Endpoint,
        *,
        endpoint_id: str,
        jobs: dict[int, str],
        limits: dict[int, int],
        http_keys: Iterable[str] = (),
        credentials: Mapping[int, dict[str, str]] = _NOTHING,
    ) -> None:
        """Let an endpoint host these jobs (number → id), some under limits, in place of those it hosted before.

        ``http_keys`` are those of its HTTP endpoints, ``credentials`` what some of the jobs need of those kept here.
        """
        self.forget(environment_no, endpoint_id)
        self.absences.note_there(endpoint)
        self._http_keys[environment_no, endpoint_id] = frozenset(http_keys)
        self._job_ids[environment_no, endpoint_id] = jobs
        self._apps[environment_no, endpoint_id] = endpoint
        self.limits |= limits
        self.credentials |= credentials
        for job_no in jobs:
            self.hosts[job_no] = endpoint

    def wants_others(self, job_nos: Iterable[int], credentials: Mapping[int, dict[str, str]]) -> bool:
        """Whether one of these jobs was not hosted before, or wants other credentials than it did."""
        return any(
            job_no not in self.hosts or self.credentials.get(job_no) != credentials.get(job_no) for job_no in job_nos
        )

    def count_jobs(self, environment_no: int) -> int:
        """Count the jobs of an environment that are hosted."""
        return sum(len(jobs) for (environment, _), jobs in self._job_ids.items() if environment == environment_no)

    def job_ids(self, environment_no: int, endpoint_id: str) -> list[str] | None:
        """List the jobs that an endpoint hosts; ``None``: it has not said since this node was started."""
        jobs = self._job_ids.get((environment_no, endpoint_id))
        return None if jobs is None else sorted(jobs.values())

    def forget(self, environment_no: int, endpoint_id: str) -> None:
        """Let an endpoint host nothing any more."""
        self.jobs.clear()
        app = self._apps.pop((environment_no, endpoint_id), None)
        if app is not None:
            self.absences.note_there(app)
        self._http_keys.pop((environment_no, endpoint_id), None)
        for job_no in self._job_ids.pop((environment_no, endpoint_id), ()):
            self.hosts.pop(job_no, None)
            self.limits.pop(job_no, None)
            self.credentials.pop(job_no, None)

    def jobs_of(self, endpoint: Endpoint) -> list[int]:
        """List the numbers of the jobs whose code an endpoint has."""
        return [job_no for job_no, host in self.hosts.items() if host is endpoint]

    def let_start(self, *, is_allowed: bool) -> None:
        """Let runs be executed without standing in line, or not: while limits change, each has to be counted."""
        self.startable = set(self.hosts) - set(self.limits) if is_allowed else set()
