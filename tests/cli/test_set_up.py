from __future__ import annotations

import shutil
import subprocess

import pytest

from perdure.config.variables import NAMES
from tests.cli.command import Commands
from tests.cli.shop import Shop


def states(perdure: Commands, *arguments: str, **environ: str) -> list[tuple[str, str]]:
    return [(check["state"], check["name"]) for check in perdure("doctor", *arguments, "--json", **environ).json()]


def test_the_doctor_finds_nothing_wrong_where_a_node_answers(perdure: Commands, shop: Shop) -> None:
    looked = perdure("doctor")
    assert looked.status == 0
    assert {row[0] for row in looked.rows} == {"ok"}
    assert any(f"Process {shop.pid} answers" in row[2] for row in looked.rows)


def test_the_doctor_makes_nothing_where_there_is_nothing(perdure: Commands) -> None:
    assert perdure("doctor").status == 0
    assert list(perdure.folder.iterdir()) == []


def test_the_doctor_names_what_does_not_work(perdure: Commands) -> None:
    (perdure.folder / "notes.db").write_bytes(b"no database" * 1000)
    assert ("failed", "node") in states(perdure, "--database-url", "sqlite:///notes.db")
    (perdure.folder / "folder").mkdir()
    assert ("failed", "database") in states(perdure, "--database-url", "sqlite:///folder")
    assert ("failed", "settings") in states(perdure, PERDURE_RETENTION="long")
    assert ("failed", "node") in states(perdure, PERDURE_API_URL="http://127.0.0.1:9", PERDURE_API_KEY="tr_dev_1")
    assert perdure("doctor", PERDURE_RETENTION="long").status == 1


def test_the_doctor_warns_of_what_may_surprise(perdure: Commands) -> None:
    Shop(perdure).open().close()
    (perdure.folder / ".git").mkdir()
    (perdure.folder / ".env").touch()
    key = perdure.folder / ".perdure" / "perdure.db.key"
    key.touch(mode=0o644)
    key.chmod(0o644)
    found = states(perdure, PERDURE_RETENTON="3d", PERDURE_CLOCK_OFFSET="60", PERDURE_ENVIRONMENT="prod")
    assert {name for state, name in found if state == "warning"} == {
        "settings",
        "clock",
        "secret key",
        "git",
        "secrets",
    }
    assert ("warning", "database") in states(perdure, PERDURE_DATABASE_URL="sqlite://")
    assert perdure("doctor", PERDURE_RETENTON="3d").status == 0


@pytest.mark.parametrize("how", ["lost", "exchanged"])
def test_the_doctor_says_that_the_key_of_the_database_is_another_one_and_what_to_do(
    perdure: Commands, how: str
) -> None:
    environ = {"PERDURE_SECRET_KEY": "correct horse battery staple"} if how == "exchanged" else {}
    perdure("connections", "add", "slack", given="hush")
    perdure("keys", "create")
    assert ("failed", "secret key") not in states(perdure)
    if how == "lost":
        (perdure.folder / ".perdure" / "perdure.db.key").unlink()
    looked = perdure("doctor", **environ)
    assert looked.status == 1
    (said,) = [row[2] for row in looked.rows if row[:2] == ["failed", "secret key"]]
    assert "1 of the API keys, 1 of the connections cannot be decrypted" in said
    assert "Bring it back" in said
    assert "hush" not in looked.output


def test_a_server_says_once_when_it_starts_that_it_cannot_read_what_is_encrypted(perdure: Commands) -> None:
    perdure("connections", "add", "slack", given="hush")
    process = perdure.begin(
        "serve", "--port", "0", PERDURE_API_KEY="tr_dev_given0given0given", PERDURE_SECRET_KEY="another horse staple"
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    _, logged = process.communicate(timeout=30)
    assert logged.count("cannot be read (connections: 1)") == 1
    assert "hush" not in logged


def test_the_settings_are_shown_with_their_origin_and_without_secrets(perdure: Commands) -> None:
    (perdure.folder / ".env").write_text("PERDURE_MAX_THREADS=7\nPERDURE_API_KEY=tr_dev_secret\nPERDURE_RETENTION=1d\n")
    (perdure.folder / ".env.local").write_text("PERDURE_RETENTION=2d\n")
    shown = perdure("config", "show", "--origin", PERDURE_MAX_FETCHES="9", PERDURE_SECRET_KEY="x" * 20)
    rows = {row[0]: row[1:] for row in shown.rows}
    assert rows["PERDURE_MAX_THREADS"] == ["7", ".env"]
    assert rows["PERDURE_RETENTION"] == ["2d", ".env.local"]
    assert rows["PERDURE_MAX_FETCHES"] == ["9", "environment"]
    assert rows["PERDURE_MAX_SCHEDULES"] == ["100", "default"]
    assert rows["PERDURE_API_KEY"] == ["tr_dev_…", ".env"]
    assert "xxx" not in shown.output
    assert list(rows) == list(NAMES)
    assert perdure("config", "show", "--json").json()["PERDURE_MAX_THREADS"] == "7"
    assert perdure("config", "show", "--origin", "--json").json()["PERDURE_MAX_THREADS"] == {
        "value": "7",
        "origin": ".env",
    }


def test_a_setting_that_is_none_is_named_with_the_nearest(perdure: Commands) -> None:
    assert "Did you mean 'PERDURE_MAX_THREADS'?" in perdure("config", "show", PERDURE_MAX_THREAD="7").errors


def test_a_wrong_setting_and_a_wrong_file_are_usage_errors(perdure: Commands) -> None:
    assert perdure("config", "show", PERDURE_MAX_THREADS="none").status == 2
    (perdure.folder / ".env").write_text("this is no variable\n")
    for command in (("config", "show"), ("runs", "list")):
        refused = perdure(*command)
        assert refused.status == 2
        assert ".env, line 1" in refused.errors


def test_mistakes_are_shown_with_their_place_and_end_the_command_with_1(perdure: Commands) -> None:
    (perdure.folder / "jobs.py").write_text("async def a(io):\n    io.wait('x', 1)\n")
    found = perdure("check", "jobs.py")
    assert found.status == 1
    assert [row[:2] for row in found.rows] == [["jobs.py:2:5", "forgotten-await"]]
    assert perdure("check", "jobs.py", "--json").json()[0]["rule"] == "forgotten-await"
    assert perdure("check").status == 1
    assert "1 mistake in 1 file" in perdure.in_terminal("check").finish().output
    refused = perdure("check", "job.py")
    assert refused.status == 2
    assert "Did you mean 'jobs.py'?" in refused.errors


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_knows_every_command_and_is_no_syntax_error(shell: str, perdure: Commands) -> None:
    script = perdure("completion", shell).output
    for word in ("schedules", "continue", "older-than", "idempotency-key"):
        assert word in script
    if shutil.which(shell) is not None:
        assert subprocess.run([shell, "-n"], input=script, text=True, check=False).returncode == 0
