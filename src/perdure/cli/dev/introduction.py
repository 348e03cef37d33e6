"""The introduction: what a node's process says when its node has begun to work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.cli.dev.banner import Facts, show_banner, show_jobs
from perdure.cli.dev.kept import count_kept, describe_changes, list_ticks
from perdure.cli.dev.triggers import describe_trigger
from perdure.config.env_files import list_env_files
from perdure.config.secret_key import load_api_key
from perdure.storage.opening import database_path

if TYPE_CHECKING:
    from perdure.cli.dev.console import Console
    from perdure.cli.dev.messages import Assignment, Loaded
    from perdure.protocol.endpoint import JobSpec
    from perdure.sdk.client import Client
    from perdure.server.embedded_node import EmbeddedNode


async def introduce(
    console: Console,
    assignment: Assignment,
    embedded: EmbeddedNode,
    *,
    client: Client | None,
    url: str,
    public_url: str | None,
    database_url: str,
) -> list[str]:
    """Say where the node is, what jobs it has, and how long it took.

    Args:
        console: Gives colours.
        assignment: What the process was told to do.
        embedded: The node.
        client: The app; ``None``: it could not be loaded.
        url: Where the node listens.
        public_url: Under which URL others reach it, if that is another one.
        database_url: Where everything is stored.
    """
    took = f"{time.monotonic() - assignment.began:.2f} s"
    specs = [] if client is None else [job.spec() for job in client.jobs.values()]
    jobs = [spec for spec in specs if not spec.internal]
    lines: list[str] = []
    ticks = await list_ticks(embedded.platform)
    if not assignment.is_reload:
        facts = Facts(
            target=assignment.target,
            url=url,
            public_url=public_url,
            api_key=embedded.api_key,
            is_key_given=load_api_key() is not None,
            database=shown_database(database_url),
            env_files=list_env_files(Path.cwd()),
            jobs=jobs,
            ticks=ticks,
        )
        lines += show_banner(console, facts)
    if client is None:
        return [*lines, console.paint(f"Ready in {took}, without jobs: runs wait until the app loads again.", "yellow")]
    if not assignment.is_reload:
        told = "Files that you save are loaded at once. Ctrl-C ends; every run is kept."
        return [*lines, f"{console.paint(f'Ready in {took}.', 'green')} {console.paint(told, 'dim')}"]
    counted = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    return [
        console.paint(f"Reloaded in {took}: {counted}.", "green"),
        *(f"  {line}" for line in show_jobs(console, [job for job in jobs if _is_new(job, assignment)], ticks)),
    ]


async def tell_of_runs(
    console: Console, assignment: Assignment, embedded: EmbeddedNode, loaded: Loaded | None
) -> list[str]:
    """Say which runs there are at the beginning, or, after a change, which it concerns."""
    if not assignment.is_reload:
        kept = await count_kept(embedded.platform)
        return [] if kept is None else [f"From before: {kept}."]
    if loaded is None:
        return []
    lines = await describe_changes(embedded.platform, assignment.before.jobs, loaded.jobs)
    return [console.paint(line, "yellow") for line in lines]


def shown_database(url: str) -> str:
    """Show where a database is."""
    path = database_path(url)
    return "in memory" if path is None else str(path)


def _is_new(job: JobSpec, assignment: Assignment) -> bool:
    """Whether a job was not there before, or was started by something else."""
    was = assignment.before.jobs.get(job.id)
    return was is None or was.trigger != describe_trigger(job.trigger)
