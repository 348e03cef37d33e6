"""One table of all systems: each workload's figures side by side, and perdure as a multiple of every other.

Usage: ``python -m bench.report FILE …``, or results on standard input. A file holds results as JSON lines; of several
results of one system for one workload, the last counts. Only results of one sitting belong in one table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.result import Result, round_figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OURS = "perdure"
UNKNOWN = "–"

# The figures that are shown where a system has them. A ratio is above 1 where perdure is better.
HIGHER_IS_BETTER = ("commits_per_s", "steps_per_s", "runs_per_s", "signals_per_s", "starts_per_s", "jobs_per_s")
LOWER_IS_BETTER = (
    *("p50_ms", "p95_ms", "p99_ms", "all_s", "rss_mb", "db_bytes_per_run", "idle_cpu_pct"),
    *("request_p50_ms", "fetch_p50_ms", "overhead_p50_ms", "step_p50_ms"),
    *("set_p50_ms", "get_p50_ms", "outside_set_p50_ms", "outside_get_p50_ms"),
    *(
        "fired_s",
        "early",
        "restart_to_done_s",
        "executed_twice",
        "recorded_twice",
        "start_up_s",
        "first_run_s",
        "replay_ms",
        "resume_ms",
        "import_ms",
        "ready_ms",
        "reload_ms",
        "modules",
    ),
)


def read_results(lines: Iterable[str]) -> list[Result]:
    """Read results from JSON lines.

    Args:
        lines: Lines of text; those that are not JSON objects are passed over.

    Returns:
        The last result of each system and workload, in the order in which they first appear.
    """
    results: dict[tuple[str, str], Result] = {}
    for line in lines:
        if line.startswith("{"):
            result = Result.from_json(line)
            results[result.system, result.workload] = result
    return list(results.values())


def compare(ours: float | None, theirs: float | None, *, higher_is_better: bool) -> str:
    """Write how many times better we are.

    Args:
        ours: Our figure, if there is one.
        theirs: The other system's, if there is one.
        higher_is_better: Whether the larger figure is the better one.

    Returns:
        The ratio with ``×``, or a dash where there is none.
    """
    if ours is None or theirs is None or 0 in (ours, theirs):
        return UNKNOWN
    ratio = ours / theirs if higher_is_better else theirs / ours
    return f"{ratio:.2f}×"


def tabulate(results: Sequence[Result]) -> list[list[str]]:
    """Arrange results as rows of text, the heading first.

    Args:
        results: At most one for each system and workload.

    Returns:
        One row for each figure of each workload: its value on every system, then our ratio to each of the others.
    """
    systems = sorted({result.system for result in results}, key=lambda name: (name != OURS, name != "ceiling", name))
    others = [system for system in systems if system != OURS] if OURS in systems else []
    rows = [["workload", "figure", *systems, *(f"{OURS} : {other}" for other in others)]]
    by_place = {(result.system, result.workload): result.figures for result in results}
    for workload in dict.fromkeys(result.workload for result in results):
        for figure in HIGHER_IS_BETTER + LOWER_IS_BETTER:
            values = {system: by_place.get((system, workload), {}).get(figure) for system in systems}
            if all(value is None for value in values.values()):
                continue
            higher = figure in HIGHER_IS_BETTER
            ratios = [compare(values[OURS], values[other], higher_is_better=higher) for other in others]
            rows.append([workload, figure, *(write_value(values[system]) for system in systems), *ratios])
    return rows


def write_value(value: float | None) -> str:
    """Write a figure for the table.

    Args:
        value: The figure, if there is one.

    Returns:
        The number with thousands separated, or a dash.
    """
    return UNKNOWN if value is None else f"{round_figure(value):,}"


def write_table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as an aligned Markdown table.

    Args:
        rows: Rows of equal length; the first is the heading.

    Returns:
        The table's text.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = [("-" * (width - 1) + (":" if column > 1 else "-")) for column, width in enumerate(widths)]
    aligned = [
        [
            cell.rjust(width) if column > 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in (rows[0], rule, *rows[1:])
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in aligned)


def main() -> None:
    """Print the table of the results in the files named on the command line."""
    parser = argparse.ArgumentParser(description="Print one table of results with ratios.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="JSON lines (default: standard input)")
    files = parser.parse_args().files
    lines = [line for file in files for line in file.read_text().splitlines()] if files else sys.stdin.readlines()
    results = read_results(lines)
    if not results:
        parser.error("no results")
    print(write_table(tabulate(results)))


if __name__ == "__main__":
    main()
