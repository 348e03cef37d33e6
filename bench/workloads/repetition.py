"""Repeating a measurement, each time on a fresh database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.result import Figures, Result, find_versions, take_median
from bench.settings import Settings, fresh_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

SYSTEM = "perdure"


def write_url(path: Path) -> str:
    """Write the URL of a SQLite file.

    Args:
        path: The file.

    Returns:
        What ``client.start`` takes as ``database_url``.
    """
    return f"sqlite:///{path.resolve()}"


async def repeat(
    workload: str,
    measure: Callable[[Path], Awaitable[Figures]],
    settings: Settings,
    *,
    times: int | None = None,
    **described: Any,
) -> Result:
    """Run a measurement several times.

    Args:
        workload: The workload's name.
        measure: Does the work once, on a database file that does not exist yet.
        settings: How to run it.
        times: How often; ``None``: as the settings say.
        **described: What else must be known to repeat it.

    Returns:
        The medians.
    """
    runs: list[Figures] = []
    for _ in range(settings.repetitions if times is None else times):
        with fresh_folder(settings.folder) as folder:
            runs.append(await measure(folder / "perdure.db"))
    return write_result(workload, runs, settings, **described)


def write_result(workload: str, runs: list[Figures], settings: Settings, **described: Any) -> Result:
    """Write repetitions down as one result.

    Args:
        workload: The workload's name.
        runs: The figures of each repetition.
        settings: How they were run.
        **described: What else must be known to repeat them.

    Returns:
        The medians.
    """
    return Result(
        system=SYSTEM,
        workload=workload,
        figures=take_median(runs),
        runs=runs,
        settings=settings.describe(repetitions=len(runs), **described),
        versions=find_versions(["perdure", "apsw", "msgspec", "uvloop"]),
    )
