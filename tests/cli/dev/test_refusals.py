"""What it cannot do, and what it says then."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.cli.dev.apps import SHOP, write_app
from tests.cli.dev.commands import started

TWO = 'from perdure import Client\n\nshop = Client(id="shop")\nwarehouse = Client(id="warehouse")\nalias = shop\n'


@pytest.mark.parametrize(
    ("words", "text", "told"),
    [
        ("ap.py", SHOP, "There is no file ap.py. Did you mean app.py?"),
        ("nowhere/app.py", SHOP, "There is no file nowhere/app.py. There is no folder 'nowhere' either."),
        ("app.py:", SHOP, "'app.py:' names no client."),
        (
            "app.py",
            "client = None\n",
            'app.py has no client. Declare one, client = Client(id="shop"), or import it there.',
        ),
        ("app.py", TWO, "app.py has several clients. Name one of these: app.py:shop, app.py:warehouse, app.py:alias."),
        ("app.py:shopp", TWO, "'shopp' in app.py is not there. Name one of these: app.py:shop"),
        ("app.py:Client", TWO, "'Client' in app.py is no perdure.Client. Name one of these: app.py:shop"),
        ("missing.module", SHOP, "There is no module 'missing'"),
        ("no-module", SHOP, "'no-module' is no file and no module."),
    ],
)
def test_a_client_that_cannot_be_found_is_an_error_of_the_command_line(
    words: str, text: str, told: str, tmp_path: Path
) -> None:
    write_app(tmp_path, text)
    with started(tmp_path, words, terminal=False) as dev:
        assert told in dev.rest()
        assert dev.end() == 2
        assert "Traceback" not in dev.printed
    assert not (tmp_path / ".perdure").exists()


@pytest.mark.parametrize("words", ["app.py:warehouse", "app"])
def test_a_client_is_named_or_the_only_one(words: str, tmp_path: Path) -> None:
    text = TWO if ":" in words else 'from perdure import Client\n\nshop = Client(id="shop")\nalias = shop\n'
    write_app(tmp_path, text)
    with started(tmp_path, words) as dev:
        dev.ready()


def test_a_module_in_a_package_is_imported_as_one(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_app(tmp_path / "shop", "", "__init__.py")
    write_app(tmp_path / "shop", "from shop.clients import client\n", "jobs.py")
    write_app(tmp_path / "shop", SHOP, "clients.py")
    for words in ("shop/jobs.py", "shop.jobs"):
        with started(tmp_path, words) as dev:
            dev.ready()


def test_a_port_in_use_is_told_with_who_uses_it(tmp_path: Path) -> None:
    write_app(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(tmp_path, "app.py", port=port, terminal=False) as dev:
            text = dev.rest()
            assert dev.end() == 1
    assert re.search(
        rf"Port {port} is in use by process {os.getpid()} \(.+\)\. End that, or .* --port {port + 1}\.", text
    )
    assert not (tmp_path / ".perdure").exists()


def test_a_database_that_another_process_owns_is_told_with_that_process(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as first:
        first.ready()
        node = first.node()
        with started(tmp_path, "app.py", terminal=False) as second:
            second.until(f"Process {node} owns .perdure/perdure.db; waiting for it to end, for 10 s at most.")
            assert f"DatabaseLockedError: Process {node} owns " in second.rest()
            assert second.end() == 4


def test_settings_that_are_no_good_are_told_and_end_it(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", terminal=False, environ={"PERDURE_MAX_THREADS": "none"}) as dev:
        assert "PERDURE_MAX_THREADS has a wrong value" in dev.rest()
        assert dev.end() == 2


def test_settings_that_are_no_good_any_more_are_told_and_it_waits_for_better_ones(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        (tmp_path / ".env").write_text("PERDURE_MAX_THREADS=none\n", encoding="utf-8")
        dev.until("PERDURE_MAX_THREADS has a wrong value")
        dev.until("It is started again when a file changes.")
        (tmp_path / ".env").write_text("PERDURE_MAX_THREADS=3\n", encoding="utf-8")
        dev.until("Reloaded")


def test_a_pipe_gets_no_colours_and_a_terminal_does_unless_they_are_not_wanted(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", terminal=False) as dev:
        dev.ready()
        assert "\x1b" not in dev.raw
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        assert "\x1b[1mperdure dev\x1b[0m" in dev.raw
    with started(tmp_path, "app.py", environ={"NO_COLOR": "1"}) as dev:
        dev.ready()
        assert "\x1b" not in dev.raw


def test_a_terminal_that_knows_no_unicode_is_written_to_all_the_same(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", environ={"PYTHONIOENCODING": "ascii"}) as dev:
        dev.ready()
        dev.send("order.placed", {"id": "A1"})
        dev.until("? fulfil run_")
        dev.until("succeeded")


def test_it_ends_when_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", terminal=False) as dev:
        dev.ready()
        dev.stop_reading()
        dev.send("order.placed", {"id": "A1"})
        assert dev.end() == 128 + signal.SIGPIPE
