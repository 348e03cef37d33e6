"""``python -m demo.npm``: performs, checks, and tells the story; ends with status 1 if anything is off."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from demo.npm.checks import examine
from demo.npm.evidence import read_evidence
from demo.npm.supervisor import perform
from demo.story import Story
from tools.node import find_packages, install_packages

HEADLINE = "An app of @trigger.dev/sdk 2.3.19 takes {orders} orders, and half-way its server is killed."
PLOT = (
    "Each order is a run of the unchanged npm package: charge the card, have a photographer call back",
    "(waitForRequest), get papers from an API that is busy at first (backgroundFetch), wait a second,",
    "pack, and send an event that starts the run that ships it. The runs are kept by perdure serve.",
)
COUNTED = (
    "Counted from the acknowledgements, from what the app noted of each task's body, from a copy of",
    "the database as the kill left it, and from the database now:",
)


def main() -> int:
    """Run the command; its exit status."""
    arguments = _read_arguments()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of another encoding gets another mark for a check that holds.
        sys.stdout.reconfigure(errors="replace")
    story = Story(sys.stdout, color=sys.stdout.isatty())
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True)
        return _perform(arguments.keep.resolve(), arguments.orders, story)
    with tempfile.TemporaryDirectory(prefix="perdure-demo-") as folder:
        return _perform(Path(folder), arguments.orders, story)


def _perform(folder: Path, orders: int, story: Story) -> int:
    story.begin(HEADLINE.format(orders=orders), *PLOT)
    try:
        if find_packages() is None:
            story.tell("npm installs the package, once.")
        packages = install_packages()
        perform(folder, orders=orders, packages=packages, tell=story.tell)
    except RuntimeError as error:
        story.break_off(str(error))
        return 1
    findings = examine(read_evidence(folder))
    story.judge(findings, *COUNTED)
    return 1 if any(finding.problems for finding in findings) else 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.npm", description="An app in Node whose server is killed.")
    parser.add_argument("--orders", type=int, default=100, help="how many orders (default: 100)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave all evidence in this new folder")
    arguments = parser.parse_args()
    if arguments.orders < 1:
        parser.error("--orders must be at least 1.")
    if arguments.keep is not None and arguments.keep.exists():
        parser.error(f"{arguments.keep} is there already; name a new folder.")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
