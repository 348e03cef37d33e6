"""`Client`: an app's jobs, and the calls that the app makes from outside its runs."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from perdure.errors import DuplicateJobError, ForkedProcessError, InvalidArgumentError
from perdure.sdk.client_definitions import ClientDefinitions
from perdure.sdk.client_events import ClientEvents
from perdure.sdk.client_requests import ClientRequests
from perdure.sdk.client_run import ClientRun
from perdure.sdk.client_runs import ClientRuns
from perdure.sdk.client_schedules import ClientSchedules
from perdure.sdk.connecting import Connecting
from perdure.sdk.hooks import Hooks
from perdure.sdk.job import Job
from perdure.sdk.job_declaration import job
from perdure.sdk.job_options import as_log_level
from perdure.sdk.names import check_name
from perdure.sdk.store import ClientStore
from perdure.sdk.sync_calls import SyncCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from perdure.sdk.codec import Codec
    from perdure.sdk.concurrency import ConcurrencyLimit
    from perdure.sdk.hooks import RunEvent
    from perdure.sdk.job_declaration import Declare
    from perdure.sdk.node import Connection, Node
    from perdure.sdk.records import RunNotification
    from perdure.sdk.start import BackgroundStart, Start
    from perdure.sdk.triggers import Trigger


class Client(ClientDefinitions, ClientEvents, ClientRequests, ClientRun, ClientRuns, ClientSchedules):
    """The jobs of one app, under one id.

    Args:
        id: Names the app among all that a server knows.
        api_key: What a node is asked with: the one at ``api_url``, or the one that the client starts. Default:
            ``PERDURE_API_KEY``, else ``TRIGGER_API_KEY``; a node that is started without has a key of its own.
        api_url: The URL of the node that calls go to while the client is not started. Default: ``PERDURE_API_URL``,
            else ``TRIGGER_API_URL``, else the node that another process has on the database.
        database_url: Where an embedded node keeps its state: ``sqlite:///path`` or ``sqlite://`` (in memory).
            Default: ``PERDURE_DATABASE_URL``, else ``sqlite:///.perdure/perdure.db``.
        log_level: Log lines below it are not stored: ``"debug"`` (default), ``"info"``, ``"warn"`` or ``"error"``;
            a job's own ``log_level`` goes first.

    Attributes:
        jobs: The jobs by id.
        dynamic_schedules: The dynamic schedules by id.
        http_endpoints: The HTTP endpoints by id.
        dynamic_triggers: The dynamic triggers by id.
        node: The node that the client has started, or ``None``.
        connecting: Knows which node or server the client belongs to.
    """

    def __init__(
        self,
        id: str,
        *,
        api_key: str | None = None,
        api_url: str | None = None,
        database_url: str | None = None,
        log_level: str | None = None,
    ) -> None:
        super().__init__(check_name(id, what="A client's id"))
        self.connecting = Connecting(id, api_key=api_key, api_url=api_url, database_url=database_url)
        self.api_key = api_key
        self.database_url = database_url
        self.log_level = None if log_level is None else as_log_level(log_level)
        self.jobs: dict[str, Job[Any, Any]] = {}
        self.hooks = Hooks()
        self.node: Node | None = None

    # Declaring.

    def job(
        self,
        *,
        id: str,
        version: str,
        trigger: Trigger[Any],
        name: str | None = None,
        enabled: bool = True,
        log_level: str | None = None,
        concurrency_limit: int | ConcurrencyLimit | None = None,
        on_success: Callable[[RunNotification], Any] | None = None,
        on_failure: Callable[[RunNotification], Any] | None = None,
        examples: Sequence[Mapping[str, Any]] = (),
    ) -> Declare:
        """Declare a job on this client. Arguments and errors are those of `perdure.job`.

        Raises:
            DuplicateJobError: The client has a job of that id.
            InvalidArgumentError: An option is outside what it may be, or the client is started.
        """
        declare = job(
            id=id,
            version=version,
            trigger=trigger,
            name=name,
            enabled=enabled,
            log_level=log_level,
            concurrency_limit=concurrency_limit,
            on_success=on_success,
            on_failure=on_failure,
            examples=examples,
        )

        def attach(fn: Callable[..., Any], /) -> Job[Any, Any]:
            made: Job[Any, Any] = declare(fn)
            self.attach(made)
            return made

        return attach

    def attach(self, *jobs: Job[Any, Any] | ModuleType) -> None:
        """Add jobs declared with `perdure.job`, or all of a module's.

        Raises:
            DuplicateJobError: The client has another job of that id; none is added.
            InvalidArgumentError: The client is started: its node knows the jobs that it began with. Or what is given is
                no job, or a module without any.
        """
        self._refuse_if_started("the job", "declare jobs")
        found = [made for one in jobs for made in _jobs_of(one)]
        for made in found:
            if self.jobs.get(made.id, made) is not made:
                raise DuplicateJobError(
                    f"The client {self.id!r} has two jobs with the id {made.id!r}; give one of them another id."
                )
        for made in found:
            self.jobs[made.id] = made
            made.bind(self)

    def _refuse_if_started(self, what: str, how: str) -> None:
        if self.is_started:
            raise InvalidArgumentError(
                f"The client {self.id!r} is started, and its node would not know {what}; {how} before start()."
            )

    def on(self, event: RunEvent, fn: Callable[[RunNotification], Any]) -> None:
        """Have a function called whenever a run of one of the client's jobs has ended.

        It is called in this app, outside of every run, at least once for each; what it raises is logged, and it is
        called again later. In which order runs are told is not promised.

        Args:
            event: ``"run_succeeded"``; or ``"run_failed"``, which is any other end, a cancellation too.
            fn: Takes a `RunNotification`; async, or plain (then it is called in a thread).

        Raises:
            InvalidArgumentError: There is no such event, ``fn`` is no function, or the client is started.

        See also: v2 protocol, section 6.10.
        """
        self._refuse_if_started("the function", "call client.on")
        self.hooks.add(event, fn)

    # Running.

    @property
    def is_started(self) -> bool:
        """Whether the client has a node that this process has started."""
        return self.node is not None and not self.node.is_inherited

    def start(
        self,
        *,
        database_url: str | None = None,
        public_url: str | None = None,
        when_locked: str = "attach",
        force_replay: bool = False,
    ) -> Start:
        """Run an embedded node on this event loop: ``async with client.start() as node:``.

        Args:
            database_url: Default: that of the client.
            public_url: Where the app has mounted ``node.asgi()``, as others reach it: the origin of callback URLs.
                Default: ``PERDURE_PUBLIC_URL``, else a loopback port that the node opens by itself.
            when_locked: What to do if another process owns the database. ``"attach"``: calls go to that process, which
                executes the runs, and this one takes over when it has ended. ``"fail"`` raises, after waiting up to
                10 s for a process that is ending.
            force_replay: Keep no suspended run in memory: every suspension replays. ``PERDURE_FORCE_REPLAY=1``
                does the same.

        Raises:
            DatabaseLockedError: Another process owns the database file, and the node is to fail then; or this process
                owns it already.
            StorageError: The database cannot be opened.
        """
        # Loaded where it is first needed: what executes runs is half of the library, and not every process does.
        from perdure.sdk.start import Start, StartOptions

        return Start(self, StartOptions(database_url, public_url, when_locked, force_replay))

    def start_background(
        self,
        *,
        database_url: str | None = None,
        public_url: str | None = None,
        when_locked: str = "attach",
        force_replay: bool = False,
    ) -> BackgroundStart:
        """Run an embedded node in a thread of its own: ``with client.start_background() as node:``.

        Where no block lasts as long as the node is to, ``client.start_background().open()`` starts it, and it is
        stopped when the process ends. Arguments and errors are those of `start`.
        """
        from perdure.sdk.start import BackgroundStart, StartOptions

        return BackgroundStart(self, StartOptions(database_url, public_url, when_locked, force_replay))

    @property
    def sync(self) -> SyncCalls:
        """The same calls, blocking, for threads without a running event loop."""
        return SyncCalls(self)

    def connected(self) -> Connection:
        """Give the way to the node that calls go to: its own, else that at ``api_url``, else that of the database.

        Raises:
            NotConnectedError: There is none.
            ForkedProcessError: This process was forked after the client had started.
        """
        node = self.node
        if node is None:
            return self.connecting.remote()
        if node.is_inherited:
            raise ForkedProcessError
        return node

    # Behind HTTP.

    def asgi(self, *, path: str = "/api/trigger") -> Any:
        """Make an ASGI application of the client's jobs, for a server that executes runs by requests to this app.

        It answers at ``path`` if it is served by itself, and at any path that another application mounts it at. Jobs
        run on the event loop that serves it. The server is that of ``api_url`` and ``api_key``.

        Args:
            path: The path.

        See also: v2 protocol, section 3.
        """
        # The other way into what an app is behind HTTP; which needs the SDK.
        return importlib.import_module("perdure.adapters.asgi").AsgiJobs(self, path=path)

    def wsgi(self, *, path: str = "/api/trigger") -> Any:
        """Make a WSGI application of the client's jobs, as `asgi` makes an ASGI one.

        Jobs run on an event loop in a thread of its own, one for each process.

        Args:
            path: The path.

        See also: v2 protocol, section 3.
        """
        return importlib.import_module("perdure.adapters.wsgi").WsgiJobs(self, path=path)

    # Calling.

    @property
    def store(self) -> ClientStore:
        """The values of the environment, as ``store.env``."""
        return ClientStore(self)

    def output_codec(self, job: Job[Any, Any] | str) -> Codec | None:
        """How the output of a job is decoded, if its code is known here."""
        known = job if isinstance(job, Job) else self.jobs.get(job)
        return known.output_codec if known is not None else None


def _jobs_of(given: object) -> list[Job[Any, Any]]:
    candidates: list[Any] = list(vars(given).values()) if isinstance(given, ModuleType) else [given]
    found: list[Job[Any, Any]] = [one for one in candidates if isinstance(one, Job)]
    if not found:
        raise InvalidArgumentError(
            f"client.attach takes jobs, which @job makes of functions, and modules with jobs; {given!r:.60} is neither."
        )
    return found
