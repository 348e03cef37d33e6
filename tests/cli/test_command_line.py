from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.cli.command import PROGRAM, Commands


def test_the_version_is_shown(perdure: Commands) -> None:
    shown = perdure("version")
    assert shown.status == 0
    assert ["perdure", version("perdure")] in shown.rows
    assert perdure("version", "--json").json()["perdure"] == version("perdure")
    assert perdure("--version", "--json").output == perdure("version", "--json").output


def test_without_a_command_it_shows_what_commands_there_are(perdure: Commands) -> None:
    shown = perdure()
    assert shown.status == 0
    assert "version" in shown.output
    assert shown.output == perdure("--help").output


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(perdure: Commands) -> None:
    refused = perdure("versoin")
    assert refused.status == 2
    assert refused.output == ""
    assert 'Did you mean "version"?' in refused.errors


def test_an_unknown_option_is_a_usage_error_that_names_the_nearest(perdure: Commands) -> None:
    refused = perdure("version", "--jsno")
    assert refused.status == 2
    assert "--json" in refused.errors


def test_on_a_pipe_help_has_no_frames_and_no_colours(perdure: Commands) -> None:
    shown = perdure("version", "--help").output
    assert "\x1b" not in shown
    assert "│" not in shown
    assert "  --json: Print JSON; streams as one JSON object per line." in shown.splitlines()


def test_a_terminal_without_colours_gets_none(perdure: Commands) -> None:
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        done = perdure.in_terminal("version", **environ).finish()
        assert done.status == 0
        assert "\x1b[3" not in done.output
        assert "perdure  " in done.output


def test_a_terminal_without_width_is_not_one_of_a_single_column(perdure: Commands) -> None:
    done = perdure.in_terminal("version", columns=0).finish()
    assert f"perdure  {version('perdure')}" in done.output.splitlines()


def test_what_the_encoding_of_the_terminal_has_not_is_shown_as_what_it_is(perdure: Commands) -> None:
    refused = perdure("⏰", PYTHONIOENCODING="ascii")
    assert refused.status == 2
    assert "\\u23f0" in refused.errors


def test_arguments_that_are_not_utf_8_are_a_usage_error_and_no_stack_trace(perdure: Commands) -> None:
    commands = (
        ("run", "\udcff"),
        ("run", "job", "\udcff=1"),
        ("run", "job", "--idempotency-key", "\udcff"),
        ("runs", "show", "\udcff", "--json"),
        ("events", "list", "--name", "\udcff"),
        ("store", "get", "a", "--run", "\udcff"),
    )
    for arguments in commands:
        refused = perdure(*arguments)
        assert refused.status == 2, refused
        assert refused.errors.count("\n") == 1
        said = json.loads(refused.errors)["error"] if "--json" in arguments else refused.errors
        assert "\\udcff" in said
        assert "is not UTF-8." in said


def test_an_argument_that_gives_a_terminal_orders_or_has_no_end_is_repeated_harmlessly(perdure: Commands) -> None:
    refused = perdure("runs", "list", "--take", "\x1b[2Ja\nb")
    assert refused.status == 2
    assert "\\x1b[2Ja\\nb" in refused.errors
    assert refused.errors.count("\n") == 1
    endless = perdure("runs", "list", "--take", "x" * 100_000)
    assert endless.status == 2
    assert len(endless.errors) < 5000
    assert endless.errors.endswith(" See --help.\n")


@pytest.mark.parametrize(
    ("words", "closed", "status"),
    [
        (("version",), ">&-", 0),
        (("version",), "2>&-", 0),
        (("version", "--json"), "<&- 2>&-", 0),
        (("run", "job", "--payload", "@-", "--database-url", "sqlite:///none.db"), "<&-", 4),
        (("nonsense",), "<&- >&- 2>&-", 2),
    ],
)
def test_streams_that_are_closed_are_taken_for_empty_ones(
    words: tuple[str, ...], closed: str, status: int, perdure: Commands
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', PROGRAM, *words],
        cwd=perdure.folder, env=perdure.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done
    assert "Traceback" not in done.stderr


def test_help_loads_nothing_of_the_library_that_it_does_not_need(perdure: Commands) -> None:
    program = "import sys; from perdure.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=perdure.folder,
        env=perdure.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = ("perdure.sdk", "perdure.engine", "perdure.storage", "perdure.transport", "aiohttp", "apsw", "pydantic")
    assert [name for name in done.stderr.split() if name.startswith(heavy)] == []


def test_when_nobody_reads_its_output_it_ends_without_a_word(perdure: Commands) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(
            [PROGRAM, "version"],
            cwd=perdure.folder,
            env=perdure.environ,
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_ctrl_c_while_it_still_loads_is_no_stack_trace(perdure: Commands) -> None:
    program = (
        "import os, signal, sys\n"
        "class Hook:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'cyclopts':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Hook())\n"
        "from perdure.cli.main import run\n"
        "sys.exit(run(['version']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=perdure.folder,
        env=perdure.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "Stopped by Ctrl-C.\n")


def test_in_a_folder_that_is_gone_it_says_so(perdure: Commands) -> None:
    done = subprocess.run(
        ["sh", "-c", f'mkdir gone && cd gone && rmdir ../gone && "{PROGRAM}" runs list'],
        cwd=perdure.folder,
        env=perdure.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
