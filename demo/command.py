"""What the commands of both demos have in common: their options, where evidence goes, and the story on the screen."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from demo.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_parser(prog: str, description: str, *, orders: int) -> argparse.ArgumentParser:
    """Make a parser of ``--orders``, with this many unless told otherwise, and ``--keep``."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--orders", type=int, default=orders, help=f"how many orders (default: {orders})")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave all evidence in this new folder")
    return parser


def read_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line; what makes no sense ends the process with a sentence."""
    arguments = parser.parse_args()
    if arguments.orders < 1:
        parser.error("--orders must be at least 1.")
    if arguments.keep is not None and arguments.keep.exists():
        parser.error(f"{arguments.keep} is there already; name a new folder.")
    return arguments


def open_story(*, color: bool = False) -> Story:
    """Open the story on standard output, in colors on a terminal and where they are asked for."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of another encoding gets another mark for a check that holds.
        sys.stdout.reconfigure(errors="replace")
    return Story(sys.stdout, color=color or sys.stdout.isatty())


@contextmanager
def evidence_folder(keep: Path | None) -> Iterator[Path]:
    """Make the folder of the evidence: the one that is to stay, or one that is deleted afterwards."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="perdure-demo-") as folder:
        yield Path(folder)
