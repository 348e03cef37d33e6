"""The banner: what there is once the node is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.cli.dev.triggers import describe_trigger
from perdure.cli.dev.waits import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from perdure.cli.dev.console import Console
    from perdure.protocol.endpoint import JobSpec


class Facts(NamedTuple):
    """What a banner tells.

    Attributes:
        target: What was loaded.
        url: Where the node listens.
        public_url: Under which URL others reach it, if that is another one.
        api_key: The key that its JSON API wants.
        is_key_given: Whether that is set in the environment.
        database: Where everything is stored.
        env_files: The environment files that were read.
        jobs: The jobs.
        ticks: When jobs with schedules are started next, by job id.
    """

    target: str
    url: str
    public_url: str | None
    api_key: str
    is_key_given: bool
    database: str
    env_files: Sequence[str]
    jobs: Sequence[JobSpec]
    ticks: Mapping[str, datetime]


def show_banner(console: Console, facts: Facts) -> list[str]:
    """Write the banner."""
    paint = console.paint
    key = facts.api_key if not facts.is_key_given else f"{facts.api_key[:7]}… (from the environment)"
    rows = [("URL", facts.url), ("API key", key), ("database", facts.database)]
    if facts.public_url is not None:
        rows.insert(1, ("public URL", facts.public_url))
    if facts.env_files:
        rows.append(("settings", ", ".join(facts.env_files)))
    lines = ["", f"  {paint('perdure dev', 'bold')} {facts.target}", ""]
    lines += [f"  {paint(f'{name:<11}', 'dim')}{value}" for name, value in rows]
    listed = show_jobs(console, facts.jobs, facts.ticks) or ["none"]
    head, gap = paint(f"{'jobs':<11}", "dim"), " " * 13
    lines += [f"  {head}{line}" if number == 0 else f"{gap}{line}" for number, line in enumerate(listed)]
    return [*lines, ""]


def show_jobs(console: Console, jobs: Sequence[JobSpec], ticks: Mapping[str, datetime]) -> list[str]:
    """List jobs with what starts them, one a line."""
    widest = max((len(job.id) for job in jobs), default=0)
    lines: list[str] = []
    for job in jobs:
        tick = f", next at {show_time(ticks[job.id])}" if job.id in ticks else ""
        off = "" if job.enabled else ", switched off"
        name = console.paint(f"{job.id:<{widest}}", "bold")
        lines.append(f"{name}  {console.paint(job.version, 'dim')}  {describe_trigger(job.trigger)}{tick}{off}")
    return lines
