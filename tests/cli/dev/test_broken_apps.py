"""Apps that cannot be loaded: the node serves on without their jobs, and says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.dev.apps import SHOP, edit, write_app
from tests.cli.dev.commands import started


def test_a_module_that_never_imported_is_shown_by_its_own_line_and_loaded_when_it_is_mended(tmp_path: Path) -> None:
    app = write_app(tmp_path, SHOP.replace('Client(id="shop")', 'Client(id="shop", nmae="Shop")'))
    with started(tmp_path, "app.py") as dev:
        text = dev.ready()
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        assert re.fullmatch(r"app\.py:\d+ in <module>", lines[0])
        assert lines[1] == 'client = Client(id="shop", nmae="Shop")'
        assert lines[2].startswith("TypeError: ")
        assert dev.printed.rstrip().endswith("s, without jobs: runs wait until the app loads again.")
        assert "importlib" not in dev.printed
        assert dev.ask("/api/jobs").body == []
        edit(app, ', nmae="Shop"', "")
        dev.until("Reloaded")
        dev.send("order.placed", {"id": "A1"})
        dev.until("succeeded")


def test_events_that_come_while_a_module_is_broken_start_their_jobs_when_it_is_mended(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        dev.until("waits for 'go'")
        edit(app, "def charge(order):", "def charge(order:")
        dev.until_match(r" app\.py:\d+")
        dev.until("SyntaxError: '(' was never closed")
        dev.until("without jobs")
        dev.send("order.placed", {"id": "A1"})
        dev.send("long.ends", {})
        assert dev.ask("/api/jobs").body[0]["is_enabled"]
        edit(app, "def charge(order:", "def charge(order):")
        told = dev.until_match(r"fulfil run_\w+  succeeded")
        assert re.search(r'long run_\w+  succeeded, .*"old"', told)


def test_a_module_in_a_database_of_its_own_stays_in_it_while_it_is_broken(tmp_path: Path) -> None:
    app = write_app(tmp_path, SHOP.replace('id="shop"', 'id="shop", database_url="sqlite:///own.db"'))
    with started(tmp_path, "app.py") as dev:
        assert "database   own.db" in dev.ready()
        edit(app, "import asyncio\n", "import asyncio, missing\n")
        dev.until("ModuleNotFoundError")
        dev.until("without jobs")
        dev.send("order.placed", {"id": "A1"})
        edit(app, "import asyncio, missing\n", "import asyncio\n")
        dev.until("succeeded")
    assert not (tmp_path / ".perdure").exists()


def test_a_file_that_has_gone_is_told_and_the_node_serves_on_until_it_is_back(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        app.unlink()
        dev.until("There is no file app.py.")
        dev.until("without jobs")
        dev.send("order.placed", {"id": "A1"})
        write_app(tmp_path)
        dev.until("succeeded")


def test_an_app_that_goes_to_another_folder_has_its_database_where_the_command_was_called(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_app(tmp_path, f"import os\nos.chdir({str(elsewhere)!r})\n{SHOP}")
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("order.placed", {"id": "A1"})
        dev.until("succeeded")
    assert (tmp_path / ".perdure" / "perdure.db").is_file()
    assert list(elsewhere.iterdir()) == []


def test_a_client_that_has_gone_is_told_and_waited_for(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        app.write_text("nothing = None\n", encoding="utf-8")
        dev.until("app.py has no client.")
        dev.until("without jobs")
        write_app(tmp_path)
        dev.until("Reloaded")


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("asyncio.run(client.start().__aenter__())", "asyncio.run() cannot be called from a running event loop"),
        ("client.start_background().__enter__()", ""),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_does_something_when_it_is_imported_is_told_how_it_should(
    ending: str, told: str, tmp_path: Path
) -> None:
    app = write_app(tmp_path, f"{SHOP}\n\n{ending}\n")
    with started(tmp_path, "app.py") as dev:
        text = dev.ready()
        assert told in text
        assert 'if __name__ == "__main__":' in text
        edit(app, f"\n\n{ending}", f'\n\nif __name__ == "__main__":\n    {ending}')
        dev.until("Reloaded")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id="careless"', 'id="fulfil"', "DuplicateJobError"),
        (
            'event_trigger("careless.begins")',
            'event_trigger("x", filter={"a": [{"$between": 1}]})',
            "InvalidFilterError",
        ),
        ('cron="0 3 * * *"', 'cron="0 0 30 2 *"', "CronNeverFiresError"),
        ("async def nightly(payload, io: IO) -> None:", "async def nightly(payload: Missing, io) -> None:", "Missing"),
    ],
)
def test_declarations_that_are_no_good_are_told_like_any_other_error(
    old: str, new: str, told: str, tmp_path: Path
) -> None:
    app = write_app(tmp_path, SHOP.replace(old, new))
    with started(tmp_path, "app.py") as dev:
        assert told in dev.ready()
        app.write_text(SHOP, encoding="utf-8")
        dev.until("Reloaded")


def test_a_module_whose_import_takes_long_is_told_where_it_stands_and_may_be_edited_meanwhile(tmp_path: Path) -> None:
    app = write_app(tmp_path, f"import time\n\ntime.sleep(3600)\n{SHOP}")
    with started(tmp_path, "app.py") as dev:
        dev.until("app.py:3 in <module>")
        dev.until("app.py is still being imported after 5 s.")
        edit(app, "time.sleep(3600)\n", "")
        dev.ready()
