"""Compare two commands run in turn, A B A B …, so that a machine whose speed drifts slows both alike.

Usage: ``python -m bench.pairs --times 5 --figure steps_per_s "python -m bench W1" "python -m bench.ceiling W1"``.
Each command prints results as JSON lines; the last one that has the figure counts. The answer is one JSON object with
every pair, the ratio A / B of each, and the median ratio.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from dataclasses import dataclass

from bench.result import Result, round_figure


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One figure of both commands, taken one right after the other.

    Attributes:
        a: The first command's.
        b: The second command's.
    """

    a: float
    b: float

    @property
    def ratio(self) -> float:
        """A / B."""
        return self.a / self.b


def take_figure(command: str, figure: str) -> float:
    """Run a command and read one figure from what it prints.

    Args:
        command: A command line, split as a shell would split it but not run by one; a leading ``python`` means the
            interpreter of this process.
        figure: The figure's name.

    Returns:
        The value in the last result that has the figure.

    Raises:
        RuntimeError: The command failed, or no result it printed has the figure.
    """
    words = shlex.split(command)
    if words[0] == "python":
        words[0] = sys.executable
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command!r} ended with {done.returncode}")
    results = [Result.from_json(line) for line in done.stdout.splitlines() if line.startswith("{")]
    values = [result.figures[figure] for result in results if figure in result.figures]
    if not values:
        raise RuntimeError(f"{command!r} printed no result with {figure!r}")
    return values[-1]


def run_pairs(a: str, b: str, *, times: int, figure: str) -> list[Pair]:
    """Run both commands in turn.

    Args:
        a: The first command.
        b: The second command.
        times: How many pairs.
        figure: The figure to read from both.

    Returns:
        The pairs, in order.
    """
    return [Pair(a=take_figure(a, figure), b=take_figure(b, figure)) for _ in range(times)]


def main() -> None:
    """Compare the two commands named on the command line."""
    parser = argparse.ArgumentParser(description="Run two commands in turn and report the median ratio of one figure.")
    parser.add_argument("a", help="a command that prints results")
    parser.add_argument("b", help="the command to compare it with")
    parser.add_argument("--times", type=int, default=5, help="pairs to run (default: 5)")
    parser.add_argument("--figure", default="steps_per_s", help="what to compare (default: steps_per_s)")
    arguments = parser.parse_args()
    pairs = run_pairs(arguments.a, arguments.b, times=arguments.times, figure=arguments.figure)
    answer = {
        "figure": arguments.figure,
        "median_ratio": round_figure(statistics.median(pair.ratio for pair in pairs)),
        "pairs": [{"a": pair.a, "b": pair.b, "ratio": round_figure(pair.ratio)} for pair in pairs],
        "a": arguments.a,
        "b": arguments.b,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
