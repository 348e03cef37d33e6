"""``python -m demo``: performs, checks, and tells the story; ends with status 1 if anything is off."""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from demo.checks import examine
from demo.command import evidence_folder, make_parser, open_story, read_arguments
from demo.evidence import SUPERVISOR, read_evidence
from demo.supervisor import perform

if TYPE_CHECKING:
    from demo.story import Story

HEADLINE = "A shop takes {orders} orders, and half-way its power fails."
PLOT = (
    "Each order is a run: charge the card (one in five is declined at first, and retried),",
    "wait a second for second thoughts, pack item by item (tasks in a task), announce it",
    "on two channels in parallel, and send an event that starts the run that ships it.",
    "Some parcels are photographed by a service that calls back, some need papers from an API",
    "that is busy and slow, and some are to be signed for: they wait at the door, not for ever.",
    "At midnight the books of the day are closed; the shop's clock is set to shortly before.",
)
COUNTED = (
    "Counted from the acknowledgements, from the logs of the world outside and of each task's",
    "body, from a copy of the database as the kill left it, and from the database now:",
)


def main() -> int:
    """Run the command; its exit status."""
    arguments = _read_arguments()
    story = open_story(color=arguments.color)
    if arguments.check is not None:
        return _check(arguments.check, story)
    with evidence_folder(arguments.keep) as folder:
        return _perform(folder, arguments.orders, story)


def _perform(folder: Path, orders: int, story: Story) -> int:
    story.begin(HEADLINE.format(orders=orders), *PLOT)
    try:
        asyncio.run(perform(folder, orders=orders, tell=story.tell))
    except RuntimeError as error:
        story.break_off(str(error))
        return 1
    return _check(folder, story)


def _check(folder: Path, story: Story) -> int:
    try:
        findings = examine(read_evidence(folder))
    except sqlite3.DatabaseError as error:
        story.break_off(f"The database cannot be read: {error}.")
        return 1
    story.judge(findings, *COUNTED)
    return 1 if any(finding.problems for finding in findings) else 0


def _read_arguments() -> argparse.Namespace:
    parser = make_parser("python -m demo", "A shop whose power fails.", orders=200)
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="only check the evidence in such a folder")
    parser.add_argument("--color", action="store_true", help="use colors although the output is no terminal")
    arguments = read_arguments(parser)
    if arguments.check is not None and not (arguments.check / SUPERVISOR).exists():
        parser.error(f"{arguments.check} holds no evidence; make some with --keep.")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
