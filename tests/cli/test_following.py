from __future__ import annotations

import select
import signal
import subprocess

from tests.cli.command import PROGRAM, Commands
from tests.cli.shop import Shop


def test_a_terminal_shows_what_a_run_does_and_ctrl_c_leaves_the_run_alone(live: Commands) -> None:
    terminal = live.in_terminal("run", "slow", "--follow", NO_COLOR="1")
    terminal.wait_for("⏰ (wait)")
    terminal.press("\x03")
    done = terminal.finish()
    assert done.status == 130
    assert "WARN       waits" in done.output
    assert "Traceback" not in done.output
    run_id = live("runs", "list", "--job", "slow", "--take", "1").rows[0][0]
    assert f"The run goes on: perdure runs tail {run_id}" in done.output
    assert "Stopped by Ctrl-C." in done.output
    assert ["status", "WAITING_TO_CONTINUE"] in live("runs", "show", run_id).rows


def test_a_pipe_gets_each_line_when_it_happens(live: Commands) -> None:
    (run_id,) = live("run", "slow").lines
    following = live.begin("runs", "tail", run_id)
    assert following.stdout is not None
    seen = ""
    while "⏰" not in seen:
        seen = following.stdout.readline()
        assert seen, "it has ended before"
    live("runs", "cancel", run_id)
    rest, errors = following.communicate(timeout=30)
    assert rest.splitlines()[-1].split("\t")[1:4] == ["run", "CANCELED", run_id]
    assert (following.returncode, errors) == (1, "")


def test_the_runs_that_change_are_followed_by_job_until_ctrl_c(live: Commands) -> None:
    following = live.begin("runs", "tail", "--job", "echo", "--json")
    assert following.stdout is not None
    seen = ""
    for _ in range(50):
        # The first may be over before the command follows.
        live("run", "greet")
        live("run", "echo", "a=1")
        if (seen := _line_within(following, 1.0)) != "":
            break
    assert '"job_id":"echo"' in seen
    following.send_signal(signal.SIGINT)
    _, errors = following.communicate(timeout=30)
    assert (following.returncode, errors) == (130, "Stopped by Ctrl-C.\n")


def test_a_reader_that_goes_away_ends_the_command_without_a_word(live: Commands) -> None:
    (run_id,) = live("run", "slow").lines
    following = live.begin("runs", "tail", run_id)
    assert following.stdout is not None
    following.stdout.readline()
    following.stdout.close()
    live("runs", "cancel", run_id)
    assert following.wait(timeout=30) == 141
    assert following.stderr is not None
    with following.stderr as errors:
        assert errors.read() == ""


def test_a_command_that_is_killed_leaves_the_node_at_work(live: Commands) -> None:
    (run_id,) = live("run", "slow").lines
    following = live.begin("runs", "tail", run_id)
    assert following.stdout is not None
    following.stdout.readline()
    following.kill()
    following.communicate()
    assert ["status", "CANCELED"] in live("runs", "cancel", run_id).rows


def test_what_a_list_is_piped_to_may_end_early(live: Commands) -> None:
    for _ in range(3):
        live("run", "slow")
    listing = subprocess.run(
        ["sh", "-c", f'"{PROGRAM}" runs list --json | head -c 1'],
        cwd=live.folder,
        env=live.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (listing.stdout, listing.stderr) == ("{", "")


def _line_within(process: subprocess.Popen[str], seconds: float) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


def test_a_run_is_followed_across_a_restart_of_its_node(perdure: Commands, shop: Shop) -> None:
    (run_id,) = perdure("run", "slow").lines
    following = perdure.begin("runs", "tail", run_id, "--json")
    assert following.stdout is not None
    while "⏰" not in following.stdout.readline():
        assert following.poll() is None
    shop.kill()
    shop.open()
    perdure("runs", "cancel", run_id)
    rest, errors = following.communicate(timeout=30)
    assert '"status":"CANCELED"' in rest.splitlines()[-1]
    assert (following.returncode, errors) == (1, "")


def test_when_its_node_does_not_come_back_the_command_says_so(perdure: Commands, shop: Shop) -> None:
    (run_id,) = perdure("run", "slow").lines
    following = perdure.begin("runs", "tail", run_id)
    assert following.stdout is not None
    following.stdout.readline()
    shop.kill()
    _, errors = following.communicate(timeout=30)
    assert following.returncode == 4
    assert "perdure.db" in errors
