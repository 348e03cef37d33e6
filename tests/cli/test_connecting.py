from __future__ import annotations

import fcntl
import sqlite3
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from perdure.cli import connect
from perdure.errors import NotConnectedError
from tests.cli.command import Commands
from tests.cli.shop import Shop

READING = (
    ("runs", "list"),
    ("runs", "show", "run_1"),
    ("runs", "tail"),
    ("events", "list"),
    ("schedules", "next"),
    ("store", "get", "a"),
    ("prune", "--older-than", "1d"),
)


def test_where_there_is_nothing_no_command_makes_a_database(perdure: Commands) -> None:
    for arguments in (*READING, ("run", "echo"), ("events", "send", "a"), ("store", "set", "a=1")):
        refused = perdure(*arguments)
        assert (refused.status, refused.output) == (4, "")
        assert "perdure dev FILE" in refused.errors
        assert list(perdure.folder.iterdir()) == []


def test_without_a_node_the_database_is_opened_and_closed_again(perdure: Commands) -> None:
    shop = Shop(perdure).open()
    perdure("store", "set", "a=1")
    shop.close()
    assert perdure("store", "get", "a").json() == "1"
    assert perdure("schedules", "list").status == 0
    shop.open()
    assert perdure("store", "get", "a").json() == "1"
    shop.close()


def test_what_is_started_without_a_node_waits_for_one(perdure: Commands) -> None:
    shop = Shop(perdure).open()
    shop.close()
    started = perdure("run", "echo", "a=1")
    assert started.status == 0
    assert "No node runs here" in started.errors
    (run_id,) = started.lines
    waiting = perdure("runs", "tail", run_id)
    assert waiting.status == 4
    assert run_id in waiting.errors
    shop.open()
    assert perdure("runs", "tail", run_id, "--json").json_lines()[-1]["output"] == {"a": "1"}
    shop.close()


def test_after_a_node_was_killed_its_database_is_opened(perdure: Commands) -> None:
    shop = Shop(perdure).open()
    perdure("store", "set", "a=1")
    shop.kill()
    assert perdure("store", "get", "a").json() == "1"


def test_without_a_node_the_runs_that_change_cannot_be_followed(perdure: Commands) -> None:
    Shop(perdure).open().close()
    refused = perdure("runs", "tail")
    assert refused.status == 4
    assert "No node runs here" in refused.errors


def test_a_named_database_goes_before_what_the_environment_names(perdure: Commands, shop: Shop) -> None:
    perdure("store", "set", "a=1")
    elsewhere = perdure.folder / "elsewhere"
    elsewhere.mkdir()
    away = Commands(elsewhere)
    url = f"sqlite:///{perdure.folder}/.perdure/perdure.db"
    assert away("store", "get", "a", PERDURE_DATABASE_URL=url).json() == "1"
    named = away("store", "get", "a", "--database-url", url, PERDURE_API_URL="http://127.0.0.1:9", PERDURE_API_KEY="k")
    assert named.json() == "1"


def test_the_files_of_a_folders_environment_are_read(perdure: Commands, shop: Shop) -> None:
    perdure("store", "set", "a=1")
    elsewhere = perdure.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".env").write_text(f"PERDURE_DATABASE_URL=sqlite:///{perdure.folder}/.perdure/perdure.db\n")
    assert Commands(elsewhere)("store", "get", "a").json() == "1"


def test_a_node_that_does_not_answer_is_not_connected(perdure: Commands) -> None:
    refused = perdure("runs", "list", PERDURE_API_URL="http://127.0.0.1:9", PERDURE_API_KEY="tr_dev_1")
    assert (refused.status, refused.output) == (4, "")
    assert "http://127.0.0.1:9" in refused.errors


def test_a_name_that_nobody_knows_is_said_to_be_unknown(perdure: Commands) -> None:
    refused = perdure("runs", "list", PERDURE_API_URL="http://nobody.invalid", PERDURE_API_KEY="tr_dev_x")
    assert refused.status == 4
    assert "There is no connection to it: " in refused.errors
    assert "gaierror" not in refused.errors


def test_a_node_without_a_key_for_it_is_not_connected(perdure: Commands) -> None:
    refused = perdure("runs", "list", PERDURE_API_URL="http://127.0.0.1:9")
    assert refused.status == 4
    assert "PERDURE_API_KEY" in refused.errors


def test_a_wrong_setting_is_a_usage_error(perdure: Commands) -> None:
    for name, value in (
        ("PERDURE_API_URL", "nowhere"),
        ("PERDURE_DATABASE_URL", "mysql://db"),
        ("PERDURE_RETENTION", "long"),
        ("PERDURE_ENVIRONMENT", "é\n"),
    ):
        refused = perdure("runs", "list", **{name: value})
        assert refused.status == 2, refused
    assert perdure("runs", "list", PERDURE_DATABASE_URL="sqlite://").status == 4


def test_a_database_that_somebody_locks_who_does_not_answer_is_not_connected(perdure: Commands) -> None:
    Shop(perdure).open().close()
    lock = perdure.folder / ".perdure" / "perdure.db.lock"
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = perdure("runs", "list")
    assert (refused.status, refused.output) == (4, "")
    assert "perdure.db" in refused.errors


def test_a_database_that_is_newer_than_the_code_is_refused(perdure: Commands) -> None:
    Shop(perdure).open().close()
    database = _database(perdure)
    connection = sqlite3.connect(database)
    connection.execute("INSERT INTO migrations VALUES (9999, 'later', 'unknown', 0)")
    connection.commit()
    connection.close()
    refused = perdure("runs", "list")
    assert (refused.status, refused.output) == (1, "")
    assert "newer" in refused.errors


def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(perdure: Commands) -> None:
    file = perdure.folder / "notes.db"
    file.write_bytes(b"my notes, which are no database" * 100)
    refused = perdure("runs", "list", "--database-url", "sqlite:///notes.db")
    assert refused.status == 1
    assert file.read_bytes() == b"my notes, which are no database" * 100


def test_several_commands_at_once_without_a_node_wait_for_each_other(perdure: Commands) -> None:
    Shop(perdure).open().close()
    begun = [perdure.begin("store", "set", f"n{number}:={number}") for number in range(6)]
    for process in begun:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert [perdure("store", "get", f"n{number}").json() for number in range(6)] == list(range(6))


@pytest.mark.parametrize("owners", [[1] * 6, [1, 2] * 2 + [3] * 6])
async def test_a_command_waits_for_each_owner_of_a_database_and_not_for_one_that_hangs(
    perdure: Commands, monkeypatch: pytest.MonkeyPatch, owners: list[int]
) -> None:
    """Commands of others are owners one after another; each gets the time that one has."""
    Shop(perdure).open().close()
    clock, found = count(0.0), iter(owners)
    monkeypatch.setattr(connect, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(connect, "find_owner", lambda database: next(found, None))
    url = f"sqlite:///{_database(perdure)}"
    with pytest.raises(NotConnectedError, match="where it listens"):
        async with connect.connect(url):
            pass
    assert list(found) == []
    clock, found = count(0.0), iter([1, 1, 2, 2, 3, 3, 4, 4])
    async with connect.connect(url) as connection:
        assert connection.url is None


def _database(perdure: Commands) -> Path:
    return perdure.folder / ".perdure" / "perdure.db"
