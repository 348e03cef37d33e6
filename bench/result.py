"""One measurement, and how it is written: one JSON object on one line."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one workload gave on one system.

    Attributes:
        system: Who was measured: ``perdure``, ``ceiling``, or a peer and its storage, such as ``dbos-sqlite``.
        workload: The workload's name in ``README.md``, such as ``W1``.
        figures: The headline numbers; each name ends in its unit. Medians where there were repetitions.
        runs: The figures of each repetition, in order; empty if there was one.
        settings: What must be known to repeat it.
        versions: The versions of what was measured.
    """

    system: str
    workload: str
    figures: Figures
    runs: list[Figures] = field(default_factory=list[Figures])
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    versions: dict[str, str] = field(default_factory=dict[str, str])

    def to_json(self) -> str:
        """Write the result on one line, the figures at the top level.

        Returns:
            A JSON object without a newline.
        """
        figures = {name: round_figure(value) for name, value in self.figures.items()}
        head = {"system": self.system, "workload": self.workload, **figures}
        runs = [{name: round_figure(value) for name, value in run.items()} for run in self.runs]
        return json.dumps(head | {"runs": runs, "settings": self.settings, "versions": self.versions})

    @classmethod
    def from_json(cls, line: str) -> Result:
        """Read what ``to_json`` wrote.

        Args:
            line: One JSON object.

        Returns:
            The result.

        Raises:
            ValueError: The line is not the JSON of a result.
        """
        fields = json.loads(line)
        if not isinstance(fields, dict) or not {"system", "workload"} <= fields.keys():
            raise ValueError(f"not a result: {line[:80]!r}")
        kept = {
            name: fields.pop(name) for name in ("system", "workload", "runs", "settings", "versions") if name in fields
        }
        return cls(figures=fields, **kept)

    def emit(self) -> None:
        """Print the result as one line of JSON, at once."""
        print(self.to_json(), flush=True)


def take_median(runs: Sequence[Mapping[str, float]]) -> Figures:
    """Reduce repetitions to the median of each figure.

    Args:
        runs: The figures of each repetition; each has the same names.

    Returns:
        One value per name.
    """
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def round_figure(value: float) -> float:
    """Round to four significant digits, and numbers above a thousand to the unit.

    Args:
        value: Any figure.

    Returns:
        The rounded figure; an ``int`` from 1,000 up, and for what was counted.
    """
    if isinstance(value, int):
        return value
    return round(value) if abs(value) >= 1000 else float(f"{value:.4g}")


def find_versions(packages: Iterable[str]) -> dict[str, str]:
    """Look up which versions of some packages are installed here.

    Args:
        packages: Distribution names.

    Returns:
        The version of each one that is installed.
    """
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
