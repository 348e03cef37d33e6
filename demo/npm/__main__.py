"""``python -m demo.npm``: performs, checks, and tells the story; ends with status 1 if anything is off."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from demo.command import evidence_folder, make_parser, open_story, read_arguments
from demo.npm.checks import examine
from demo.npm.evidence import read_evidence
from demo.npm.supervisor import perform
from tools.node import find_packages, install_packages

if TYPE_CHECKING:
    from pathlib import Path

    from demo.story import Story

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
    parser = make_parser("python -m demo.npm", "An app in Node whose server is killed.", orders=100)
    arguments = read_arguments(parser)
    story = open_story()
    with evidence_folder(arguments.keep) as folder:
        return _perform(folder, arguments.orders, story)


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


if __name__ == "__main__":
    sys.exit(main())
