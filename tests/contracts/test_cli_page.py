"""The page of the command line against what the commands take."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest
from cyclopts import App
from docstring_parser import parse

from perdure.cli.app import make_app
from perdure.cli.failures import FAILED, NOT_CONNECTED, NOT_FOUND, USED_WRONGLY
from perdure.cli.main import INTERRUPTED, READER_GONE
from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "cli.md"
COMMON = {"--json", "--database-url", "--environment"}


def _commands(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    for name in app:
        if not name.startswith("-"):
            command = app[name]
            if command.default_command is None:
                yield from _commands(command, (*path, name))
            else:
                yield " ".join(("perdure", *path, name)), command


COMMANDS = dict(_commands(make_app()))


def _sections() -> dict[str, str]:
    parts = re.split(r"^## `(perdure [a-z ]+)`$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_a_section_and_no_other_has() -> None:
    assert sorted(_sections()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_says_what_the_help_says(name: str) -> None:
    section, command = _sections()[name], COMMANDS[name]
    documented = parse(inspect.getdoc(command.default_command) or "")
    assert documented.short_description is not None
    assert documented.short_description in " ".join(section.split())
    helps = {parameter.arg_name: " ".join((parameter.description or "").split()) for parameter in documented.params}
    taken = {
        argument.names[0]: (argument.parameter.help or helps[argument.field_info.name], argument)
        for argument in command.assemble_argument_collection()
        if argument.names[0] not in COMMON and argument.names[0] != "*"
    }
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([^`]+)` \| (.+?) \| (.*?) ?\|$", section, re.MULTILINE)}
    assert list(rows) == list(taken)
    for option, (text, argument) in taken.items():
        assert rows[option][0] == text
        default = argument.field_info.default
        is_shown = isinstance(default, (int, str)) and not isinstance(default, bool)
        assert rows[option][1] == (f"`{default}`" if is_shown else "required" if argument.required else "")


def test_the_page_lists_every_exit_status() -> None:
    rows = [row[0] for row in table_rows(PAGE) if row[0].strip("`").isdecimal()]
    assert [int(row.strip("`")) for row in rows] == [
        0, FAILED, USED_WRONGLY, NOT_FOUND, NOT_CONNECTED, INTERRUPTED, READER_GONE,
    ]  # fmt: skip
