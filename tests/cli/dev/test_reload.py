"""Files are edited while runs are under way."""

from __future__ import annotations

import re
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.cli.dev.apps import edit, write_app
from tests.cli.dev.commands import Command, started


def test_a_run_that_waits_goes_on_on_the_code_that_was_saved_meanwhile(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        (run_id,) = re.findall(r"run_\w+", dev.until("waits for 'go'").splitlines()[-1])
        first = dev.node()
        edit(app, 'await io.logger.info("the old code")\n    return "old"', 'return "new"')
        dev.until("app.py changed.")
        dev.until_match(r"Reloaded in [0-9.]+ s: 4 jobs\.")
        dev.until(f"long has changed, and is still version 1.0.0. On the new code go on: {run_id}.")
        assert dev.node() != first
        dev.send("long.ends", {})
        dev.until_match(rf'long {run_id}  succeeded, .* "new"$')
        assert "fulfil has changed" not in dev.printed


def test_a_change_of_what_a_job_calls_is_one_of_the_job_and_a_remark_is_none(tmp_path: Path) -> None:
    app = write_app(
        tmp_path,
        """
from perdure import IO, Client, event_trigger
import prices

client = Client(id="shop")


@client.job(id="long", version="1.0.0", trigger=event_trigger("long.begins"))
async def long(payload: dict, io: IO) -> int:
    await io.wait_for_event("go", name="long.ends")
    return prices.price()
""",
    )
    prices = write_app(
        tmp_path, "def price():\n    return vat(100)\n\n\ndef vat(net):\n    return net + 19\n", "prices.py"
    )
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        dev.until("waits for 'go'")
        edit(app, "import prices\n", "import prices\n\n# where prices are made\n")
        dev.until("Reloaded")
        dev.send("ask", {})
        edit(prices, "+ 19", "+ 20")
        assert "has changed" not in dev.until("Reloaded")
        dev.until("long has changed, and is still version 1.0.0.")
        dev.send("long.ends", {})
        dev.until("succeeded, ")
        assert dev.printed.rstrip().endswith(": 120")


def test_with_another_version_it_is_said_which_one_the_run_began_with(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        dev.until("waits for 'go'")
        edit(app, 'id="long", version="1.0.0"', 'id="long", version="1.1.0"')
        dev.until("long is version 1.1.0 now. On its code go on, begun with version 1.0.0 or an older one: run_")
        edit(app, 'id="long", version="1.1.0"', 'id="other", version="1.1.0"')
        dev.until("long is gone. Its runs wait for its code to come back: run_")


SLOW = """
import time
from pathlib import Path

from perdure import Client, SyncIO, event_trigger

client = Client(id="slow")


def take_long():
    Path("begun").touch()
    while not Path("over").exists():
        time.sleep(0.01)


@client.job(id="slow", version="1.0.0", trigger=event_trigger("slow"))
def slow(payload: dict, io: SyncIO) -> str:
    io.run_task("take long", take_long)
    return "done"
"""


def test_an_execution_may_end_before_its_code_is_replaced(tmp_path: Path) -> None:
    app = write_app(tmp_path, SLOW)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("slow", {})
        dev.until("begins")
        edit(app, '"done"', '"done by the new code"')
        dev.until("app.py changed.")
        (tmp_path / "over").touch()
        assert ': "done"' in dev.until("Reloaded")
        assert dev.printed.count("begins") == 1


def test_an_execution_that_takes_longer_is_begun_anew_on_the_new_code(tmp_path: Path) -> None:
    app = write_app(tmp_path, SLOW)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("slow", {})
        dev.until("begins")
        edit(app, 'return "done"', 'return "done by the new code"')
        edit(app, 'while not Path("over").exists():', "while False:")
        dev.until("Reloaded")
        dev.until('"done by the new code"')


def test_a_callback_that_comes_between_two_processes_is_answered_by_the_second(tmp_path: Path) -> None:
    app = write_app(
        tmp_path,
        """
from pathlib import Path

from perdure import IO, Client, event_trigger

client = Client(id="calls")


def ask(url):
    Path("url").write_text(url)


@client.job(id="calls", version="1.0.0", trigger=event_trigger("call"))
async def calls(payload: dict, io: IO) -> dict:
    return await io.wait_for_request("📞", ask)
""",
    )
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("call", {})
        dev.until("waits for '📞', a request to its URL")
        url = (tmp_path / "url").read_text(encoding="utf-8")
        assert url.startswith(dev.url)
        app.write_text("nothing = \n", encoding="utf-8")
        dev.until("SyntaxError")
        statuses: list[int] = []

        def call() -> None:
            request = urllib.request.Request(
                url, data=b'{"said": "hello"}', headers={"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                statuses.append(answer.status)

        caller = threading.Thread(target=call)
        caller.start()
        edit(app, "nothing = \n", "from perdure import Client\nclient = Client(id='calls')\n")
        dev.until("calls is gone.")
        caller.join(60)
        assert statuses == [200]


def test_a_job_that_is_new_or_is_started_by_something_else_is_told_with_what_starts_it(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        edit(app, 'event_trigger("long.begins")', "invoke_trigger()")
        dev.until_match(r"Reloaded in [0-9.]+ s: 4 jobs\.\n  long  1\.0\.0  invoked")
        edit(app, 'id="careless"', 'id="careful"')
        dev.until_match(r"Reloaded in [0-9.]+ s: 4 jobs\.\n  careful  1\.0\.0  event careless\.begins")


def test_environment_files_are_read_again(tmp_path: Path) -> None:
    write_app(
        tmp_path,
        """
import os

from perdure import IO, Client, event_trigger

client = Client(id="env")


@client.job(id="env", version="1.0.0", trigger=event_trigger("ask"))
async def env(payload: dict, io: IO) -> list[str]:
    return [os.environ.get(name, "-") for name in ("PLAIN", "LOCAL", "GIVEN")]
""",
    )
    (tmp_path / ".env").write_text("PLAIN=1\nLOCAL=1\nGIVEN=1\n", encoding="utf-8")
    with started(tmp_path, "app.py", environ={"GIVEN": "by the process"}) as dev:
        dev.ready()
        (tmp_path / ".env.local").write_text("LOCAL=2\n", encoding="utf-8")
        dev.until(".env.local changed.")
        dev.until("Reloaded")
        dev.send("ask", {})
        dev.until('["1","2","by the process"]')
        (tmp_path / ".env").write_text("this sets nothing, nothing\n", encoding="utf-8")
        dev.until(".env, line 1: ")
        dev.until("Nothing is loaded anew before that is mended.")
        dev.send("ask", {})
        dev.until('["1","2","by the process"]')
        (tmp_path / ".env").write_text("PLAIN=3\n", encoding="utf-8")
        dev.until("Reloaded")
        dev.send("ask", {})
        dev.until('["3","2","by the process"]')


def test_a_file_in_a_folder_that_is_new_is_watched_too(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        package = tmp_path / "package"
        package.mkdir()
        edit(app, "client = Client", "import package.part\n\nclient = Client")
        dev.until("ModuleNotFoundError")
        write_app(package, "VALUE = 1\n", "part.py")
        dev.until("Reloaded")
        write_app(package, "VALUE = 1 / 0\n", "part.py")
        dev.until("package/part.py:1")
        dev.until("ZeroDivisionError")


@pytest.mark.parametrize("hidden", [".hidden", "__pycache__", "env", "node_modules"])
def test_what_is_not_the_apps_own_code_is_not_watched(hidden: str, tmp_path: Path) -> None:
    app = write_app(tmp_path)
    (tmp_path / hidden).mkdir()
    (tmp_path / hidden / "pyvenv.cfg").touch()
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        write_app(tmp_path / hidden, "", "inner.py")
        write_app(tmp_path, "", "notes.txt")
        _note(dev, app)
        assert "inner.py" not in dev.printed
        assert "notes.txt" not in dev.printed


def _note(dev: Command, app: Path) -> None:
    """Edit the app, and wait until that was noticed: whatever was saved before it has been noticed by then."""
    edit(app, "import asyncio\n", "import asyncio\n\n")
    dev.until("app.py changed.")
