"""What endpoints elsewhere ask of the platform beside what any app does (v2 protocol, sections 4.2, 4.9 and 4.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.event_waits import register_event_wait
from perdure.engine.run_views import answer_of, read_run
from perdure.engine.server_tasks import server_task
from perdure.engine.task_records import end_of
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.json_text import load
from perdure.protocol.statuses import TaskStatus
from perdure.storage import event_waits, tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from perdure.engine.callbacks import Callbacks
    from perdure.engine.clock import Clock
    from perdure.engine.connections import Connections
    from perdure.engine.directory import Directory
    from perdure.engine.endpoints import Endpoints
    from perdure.engine.events import Events
    from perdure.engine.hints import Hints
    from perdure.engine.http_endpoints import HttpEndpoints
    from perdure.engine.remote_tasks import RemoteTasks
    from perdure.engine.runs import Runs
    from perdure.engine.sources import Sources
    from perdure.engine.stored_texts import StoredTexts
    from perdure.engine.task_batches import TaskBatches
    from perdure.engine.workers import Workers
    from perdure.protocol.execution import Tenant
    from perdure.protocol.messages.tasks import ServerTask
    from perdure.protocol.runs import RunAnswer
    from perdure.protocol.task_waits import EventWait
    from perdure.storage.interface import Session, Storage
    from perdure.storage.remote_tasks import RemoteTask


class RemoteDesk:
    """Serves the endpoints of one environment.

    Attributes:
        environment_no: That environment.
        events: Takes events in.
        runs: Starts and shows runs.
        tasks: Creates, completes and fails tasks.
        batches: Stores what executions of perdure's own apps ask for.
        endpoints: Registers them.
        public_keys: Gives the public keys of the environment, those of the settings before the newest.
        http_endpoints: Takes requests in for them.
        sources: Has their webhooks and sources registered, and takes in their requests.
        connections: Keeps credentials for integrations.
        workers: Those that have dialled in.
        texts: Keeps values, which may be any text.
    """

    def __init__(
        self,
        environment_no: int,
        storage: Storage,
        directory: Directory,
        clock: Clock,
        *,
        events: Events,
        runs: Runs,
        tasks: RemoteTasks,
        batches: TaskBatches,
        callbacks: Callbacks,
        endpoints: Endpoints,
        http_endpoints: HttpEndpoints,
        sources: Sources,
        connections: Connections,
        public_keys: Callable[[], Sequence[str]],
        workers: Workers,
        texts: StoredTexts,
        hints: Hints,
    ) -> None:
        self.environment_no = environment_no
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self.events = events
        self.runs = runs
        self.tasks = tasks
        self.batches = batches
        self._callbacks = callbacks
        self.endpoints = endpoints
        self.http_endpoints = http_endpoints
        self.workers = workers
        self.texts = texts
        self._hints = hints
        self.public_keys = public_keys
        self.sources = sources
        self.connections = connections

    async def get_run(
        self, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False
    ) -> RunAnswer:
        """Look a run up as clients of the v2 protocol know it: the lines of its log are tasks.

        Raises:
            NotFoundError: The environment has no such run.
            InvalidArgumentError: The cursor is none of this run's.
        """
        first = "" if cursor is None else cursor
        found = await self._storage.read(
            read_run, self.environment_no, run_id, cursor=first, take=take, subtasks=subtasks, has_lines=True
        )
        if found is None:
            raise NotFoundError(f"There is no run {run_id!r} in this environment.")
        return answer_of(found)

    @property
    def tenant(self) -> Tenant:
        """The environment with its project and organization."""
        return self._directory.tenants[self.environment_no]

    @property
    def is_stopping(self) -> bool:
        """Whether this node is about to stop: executions are to end then, and go on as soon as there is one again."""
        return self._hints.stopping.is_set()

    def show(self, task: RemoteTask, *, is_native: bool = False) -> ServerTask:
        """Show a task to its endpoint, which is to end its execution if this node is about to stop."""
        return server_task(task, self._callbacks.url, is_native=is_native, force_yield=self.is_stopping)

    async def await_event(self, url: str, waits: Sequence[EventWait]) -> str:
        """Let the task whose callback URL that is wait for an event, and not only for a request.

        A task that waits for one already goes on waiting for that.

        Args:
            url: The callback URL.
            waits: What it waits for: one of each name, and for how long an event may end it.

        Returns:
            The task's id.

        Raises:
            InvalidArgumentError: The URL is no callback URL of this server, or a filter cannot be compiled.
        """
        found = self._callbacks.find(url)
        whose = None if found is None else await self._storage.read(tasks.find_environment, found)
        if found is None or whose not in (None, self.environment_no):
            raise InvalidArgumentError("An event can only be sent to the callback URL of a task of this environment.")
        for path, text in (("filter", waits[0].filter), ("contextFilter", waits[0].context_filter)):
            if text is not None:
                compile_event_filter(load(text), path=path, lenient=True)
        for wait in waits:
            self._directory.event_is_awaited(self.environment_no, wait.name)
        await self._storage.write(_await_events, self.environment_no, found, waits, now=self._clock.now())
        return found


async def _await_events(
    tx: Session, environment_no: int, task_id: str, waits: Sequence[EventWait], *, now: datetime
) -> None:
    task_no = await tasks.find_number(tx, task_id)
    rows = [] if task_no is None else await tasks.list_by_id(tx, [task_id])
    if task_no is None or not rows or rows[0][1].status is not TaskStatus.WAITING:
        # It has got its result meanwhile.
        return
    if await event_waits.has_event_wait(tx, task_no=task_no, now=now):
        # Its endpoint registers it in each execution.
        return
    await event_waits.delete_event_wait(tx, task_no=task_no)
    for wait in waits:
        await register_event_wait(tx, environment_no, task_id, wait, until=end_of(wait, now))
