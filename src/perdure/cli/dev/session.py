"""A node's process from its beginning to its end: the app loaded, the node at work, and what is said of them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from perdure.cli.dev.app import BrokenAppError, broken, describe_jobs, load_app
from perdure.cli.dev.console import ReaderGoneError
from perdure.cli.dev.host import WatchedHost
from perdure.cli.dev.introduction import introduce, tell_of_runs
from perdure.cli.dev.journal import Journal
from perdure.cli.dev.kept import count_kept
from perdure.cli.dev.lifeline import watch_lifeline
from perdure.cli.dev.messages import GRACE, Loaded, Ready, Refused, Stopped
from perdure.cli.failures import status_of
from perdure.cli.main import READER_GONE
from perdure.cli.target import TargetError, parse_target
from perdure.config.settings import load_settings
from perdure.errors import DuplicateJobError, PerdureError, RunError, StorageError
from perdure.sdk.loop_watch import LoopWatch
from perdure.sdk.node import Node
from perdure.server.embedded import start_embedded
from perdure.storage.opening import database_path, find_owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.cli.dev.console import Console
    from perdure.cli.dev.link import Link
    from perdure.cli.dev.messages import Assignment
    from perdure.cli.target import Target
    from perdure.sdk.client import Client
    from perdure.server.embedded_node import EmbeddedNode


class Session:
    """The life of a node's process.

    Args:
        assignment: What it is to do.
        link: The link to the supervisor.
        console: Where everything is written.
    """

    def __init__(self, assignment: Assignment, link: Link, console: Console) -> None:
        self._assignment = assignment
        self._link = link
        self._console = console
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._grace = GRACE
        self._status = 0
        self._loop_watch: LoopWatch | None = None
        self._settings = load_settings()
        self._folder = Path.cwd()
        self._listening = socket.socket(fileno=assignment.socket)

    async def run(self) -> int:
        """Live it; the exit status."""
        watch_lifeline(self._link, self._supervisor_is_gone)
        app = await self._load()
        client = None if app is None else app[1]
        try:
            embedded, host = await self._start(app)
        except PerdureError as error:
            status = status_of(error)
            self._link.send(Refused(f"{type(error).__name__}: {error.message}", status))
            return status
        self._loop.add_signal_handler(signal.SIGTERM, self._over.set)
        loaded = None
        if host is not None and app is not None:
            loaded = Loaded(describe_jobs(app[1], app[0].folder), self._url_of(client))
        # Whoever reads that it is ready may take the supervisor to know it.
        self._link.send(Ready(loaded, embedded.api_key))
        await self._introduce(embedded, loaded, client if host is not None else None)
        await self._over.wait()
        await self._stop(embedded, host, client)
        return self._status

    # Its beginning.

    async def _load(self) -> tuple[Target, Client] | None:
        """Load the app; ``None`` if that fails, or its file is gone, which is written down.

        Raises:
            TargetError: It has no client that is meant, and no process before has said so.
        """
        try:
            target = parse_target(self._assignment.target, folder=self._folder)
            return target, load_app(target, self._console)
        except TargetError as error:
            if not self._assignment.is_reload:
                raise
            self._show_broken([error.message])
        except BrokenAppError as error:
            self._show_broken(error.lines)
            if error.stray is not None:
                await _stop_stray(error.stray)
        return None

    async def _start(self, app: tuple[Target, Client] | None) -> tuple[EmbeddedNode, WatchedHost | None]:
        """Start a node with the app's jobs; without them if they are no good, which is written down."""
        self._say_who_owns_it(self._url_of(None if app is None else app[1]))
        if app is not None:
            target, client = app
            host = self._make_host(target, client)
            try:
                embedded = await self._embed(client, host)
            except StorageError:
                await host.stop()
                raise
            except (DuplicateJobError, RunError) as error:
                await host.stop()
                # What is wrong with the settings is met again without the app.
                without = await self._embed(client, None)
                self._show_broken(broken(error, target, self._console).lines)
                return without, None
            embedded.engine.hints.on_run_ended = _both(embedded.engine.hints.on_run_ended, host.run_has_ended)
            self._loop_watch = self._watch_loop(client)
            client.node = Node(embedded, host, watch=self._loop_watch)
            return embedded, host
        return await self._embed(None, None), None

    def _make_host(self, target: Target, client: Client) -> WatchedHost:
        journal = Journal(self._console, target.folder, now=lambda: host.now(), on_reader_gone=self._reader_is_gone)
        host = WatchedHost(client, journal, max_threads=self._settings.max_threads)
        return host

    def _watch_loop(self, client: Client) -> LoopWatch | None:
        limit = self._settings.blocked_loop_after
        return None if limit is None else LoopWatch(client.id, self._loop, limit=limit.total_seconds())

    async def _embed(self, client: Client | None, host: WatchedHost | None) -> EmbeddedNode:
        return await start_embedded(
            host,
            database_url=self._seen_from_here(self._url_of(client)),
            settings=self._settings,
            connect=None if host is None else host.connect,
            # A node that fails to start closes what it listens on.
            inherited=self._listening.dup(),
            spare_api_key=self._assignment.api_key,
        )

    def _url_of(self, client: Client | None) -> str:
        url = client.database_url if client is not None else self._assignment.before.database_url
        return self._settings.database_url if url is None else url

    def _seen_from_here(self, url: str) -> str:
        # The app may have gone to another folder while it was imported; commands look for its database in this one.
        path = database_path(url)
        return url if path is None else f"sqlite:///{quote(str(self._folder / path))}"

    # What it says.

    async def _introduce(self, embedded: EmbeddedNode, loaded: Loaded | None, client: Client | None) -> None:
        lines = await introduce(
            self._console,
            self._assignment,
            embedded,
            client=client,
            url=f"http://127.0.0.1:{self._listening.getsockname()[1]}",
            public_url=self._settings.public_url,
            database_url=self._url_of(client),
        )
        self._write(*lines)
        self._write(*await tell_of_runs(self._console, self._assignment, embedded, loaded))

    def _show_broken(self, lines: list[str]) -> None:
        self._write("", *(f"  {line}" if line else "" for line in lines), "")

    def _say_who_owns_it(self, url: str) -> None:
        path = database_path(url)
        owner = None if path is None or not (self._folder / path).exists() else find_owner(self._folder / path)
        if owner is not None:
            self._write(f"Process {owner} owns {path}; waiting for it to end, for 10 s at most.")

    def _write(self, *lines: str) -> None:
        try:
            self._console.write(*lines)
        except ReaderGoneError:
            self._reader_is_gone()

    # Its end.

    def _reader_is_gone(self) -> None:
        # What the app itself prints goes nowhere from now on, too, and fails no run.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        self._status = READER_GONE
        self._over.set()

    def _supervisor_is_gone(self) -> None:
        self._loop.call_soon_threadsafe(self._end_at_once)

    def _end_at_once(self) -> None:
        self._grace = 0
        self._over.set()

    async def _stop(self, embedded: EmbeddedNode, host: WatchedHost | None, client: Client | None) -> None:
        # What is said of the runs that are left is read when nothing changes any more.
        embedded.closes_storage = False
        if self._loop_watch is not None:
            self._loop_watch.stop()
        try:
            await embedded.stop(self._grace)
            if host is not None:
                await host.stop()
            path = database_path(self._url_of(client))
            self._link.send(Stopped(None if path is None else str(path), await count_kept(embedded.platform)))
        finally:
            await embedded.storage.close()


async def _stop_stray(node: Node) -> None:
    await node.stop_elsewhere()


def _both(first: Callable[[str], None] | None, second: Callable[[str], None]) -> Callable[[str], None]:
    def call(run_id: str) -> None:
        if first is not None:
            first(run_id)
        second(run_id)

    return call
