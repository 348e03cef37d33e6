from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.cli.command import Commands

INTERRUPTING = """
import os, signal, sys
class Interrupting:
    left = int(sys.argv.pop(1))
    def find_spec(self, name, path=None, target=None):
        Interrupting.left -= 1
        if Interrupting.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from perdure.cli.main import main
main()
"""


def test_prune_asks_first_and_deletes_nothing_without_a_yes(live: Commands) -> None:
    live("run", "echo", "--follow")
    before = live("runs", "list", "--json").json()["runs"]
    for answer in ("n\r", "\r", "\x04"):
        terminal = live.in_terminal("prune", "--older-than", "0s", NO_COLOR="1")
        terminal.wait_for("Delete it? [y/N]")
        terminal.press(answer)
        done = terminal.finish()
        assert done.status == 1
        assert "Nothing was deleted." in done.output
    terminal = live.in_terminal("prune", "--older-than", "0s", NO_COLOR="1")
    terminal.wait_for("Delete it? [y/N]")
    terminal.press("\x03")
    done = terminal.finish()
    assert done.status == 130
    assert "Traceback" not in done.output
    assert live("runs", "list", "--json").json()["runs"] == before


def test_prune_deletes_after_a_yes_and_without_a_terminal_at_once(live: Commands) -> None:
    live("run", "echo", "--follow")
    terminal = live.in_terminal("prune", "--older-than", "0s", NO_COLOR="1")
    terminal.wait_for("Delete it? [y/N]")
    terminal.press("yes\r")
    assert terminal.finish().status == 0
    assert live("runs", "list", "--job", "echo").output == ""
    live("run", "echo", "--follow")
    assert int(live("prune", "--older-than", "0s", "--json").json()["runs"]) >= 1
    assert live("runs", "list", "--job", "echo").output == ""


def test_a_narrow_terminal_shows_the_whole_id(live: Commands) -> None:
    (run_id,) = live("run", "echo", "city=Oslo").lines
    shown = live.in_terminal("runs", "list", "--take", "1", columns=40, NO_COLOR="1").finish().output
    assert run_id in re.sub(r"\s", "", shown)
    lines = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", shown).splitlines()
    assert max(len(line) for line in lines) <= 40


def test_a_narrow_terminal_shows_the_status_before_the_time_and_an_id_that_is_wider_than_it(live: Commands) -> None:
    run_id = live("run", "echo", "--follow", "--json").json_lines()[-1]["id"]
    shown = live.in_terminal("runs", "list", "--take", "1", columns=44, NO_COLOR="1").finish().output
    assert [run_id, "echo", "SUCCE…"] in [line.split() for line in shown.splitlines()]
    for columns in (1, 20):
        shown = live.in_terminal("runs", "list", "--take", "1", columns=columns, NO_COLOR="1").finish().output
        assert run_id in shown


def test_a_terminal_gets_colours_and_heads_and_a_pipe_gets_neither(live: Commands) -> None:
    live("run", "echo", "--follow")
    shown = live.in_terminal("runs", "list").finish().output
    assert "\x1b[32mSUCCESS\x1b[0m" in shown
    assert "status" in shown
    piped = live("runs", "list").output
    assert "\x1b" not in piped
    assert "status" not in piped


def test_what_a_run_waits_for_is_cut_before_its_status_is(live: Commands) -> None:
    live("run", "slow")
    while "WAITING_TO_CONTINUE" not in live("runs", "list", "--job", "slow").output:
        pass
    shown = live.in_terminal("runs", "list", "--job", "slow", columns=95, NO_COLOR="1").finish().output
    row = shown.splitlines()[-1]
    assert " slow  WAITING_TO_CONTINUE  " in row
    assert row.rstrip().endswith("…")


def test_a_terminal_without_colours_shows_the_same_without_them(live: Commands) -> None:
    live("run", "echo", "--follow")
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = live.in_terminal("runs", "list", **environ).finish().output
        assert "SUCCESS" in shown
        assert re.search(r"\x1b\[[34]\d*m", shown) is None
    assert "\x1b" not in shown, "a dumb terminal obeys nothing"


def test_half_a_surrogate_pair_in_a_payload_is_shown_as_an_escape(live: Commands) -> None:
    live("events", "send", "odd", "--id", "odd-1", "--payload", '{"half": "\\ud83d"}')
    assert live("events", "show", "odd-1", "--json").json()["payload"] == {"half": "\ud83d"}
    assert live("events", "show", "odd-1").status == 0


@pytest.mark.parametrize("imports", [20, 80, 140, 200, 250])
def test_ctrl_c_at_any_moment_is_one_clear_line(imports: int, live: Commands) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTING, str(imports), "runs", "list", "--json"],
        cwd=live.folder, env=live.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped by Ctrl-C.\n")
