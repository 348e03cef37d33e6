"""News: what a supervisor hears, in the order in which it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.cli.dev.messages import Report
    from perdure.cli.dev.process import NodeProcess


class Changed(NamedTuple):
    """Files were saved."""

    paths: list[Path]


class Told(NamedTuple):
    """A process has sent a report."""

    process: NodeProcess
    report: Report


class Ended(NamedTuple):
    """A process has ended."""

    process: NodeProcess
    status: int


class Signalled(NamedTuple):
    """A signal has come."""

    number: int


News: TypeAlias = Changed | Told | Ended | Signalled
