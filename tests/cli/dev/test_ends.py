"""How it ends: by Ctrl-C, by a signal, by the death of one process or the other."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.cli.dev.apps import edit, write_app
from tests.cli.dev.commands import children_of, is_alive, started, wait_until
from tests.cli.dev.test_reload import SLOW


def test_ctrl_c_keeps_every_run_and_says_so(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        dev.until("waits for 'go'")
        dev.interrupt()
        assert "Stopping: executions get 5 s. Press Ctrl-C again to end at once." in dev.rest()
        assert dev.printed.endswith("Everything is kept in .perdure/perdure.db, for the next start: 1 run waits.\n")
        assert "Traceback" not in dev.printed
        assert dev.end() == 0
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.until("From before: 1 run waits.")
        dev.send("long.ends", {})
        dev.until('"old"')


def test_a_second_ctrl_c_ends_at_once_and_what_was_executed_is_executed_again(tmp_path: Path) -> None:
    app = write_app(tmp_path, SLOW)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("slow", {})
        wait_until((tmp_path / "begun").exists)
        node = dev.node()
        dev.interrupt()
        dev.until("Stopping")
        dev.interrupt()
        assert "Ended at once." in dev.rest()
        assert dev.end() == 130
        assert not is_alive(node)
    edit(app, 'while not Path("over").exists():', "while False:")
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.until('"done"')


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_like_ctrl_c(number: signal.Signals, tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", terminal=False) as dev:
        dev.ready()
        dev.process.send_signal(number)
        assert dev.rest().endswith("Everything is kept in .perdure/perdure.db; no run is under way.\n")
        assert dev.end() == 0


def test_ctrl_c_while_a_module_is_still_imported_ends_at_once(tmp_path: Path) -> None:
    write_app(tmp_path, "from pathlib import Path\nimport time\nPath('importing').touch()\ntime.sleep(3600)\n")
    with started(tmp_path, "app.py") as dev:
        wait_until((tmp_path / "importing").exists)
        dev.interrupt()
        assert dev.rest().endswith("Stopped. Every run is kept.\n")
        assert dev.end() == 0


def test_a_loop_that_is_blocked_is_killed_after_its_time(tmp_path: Path) -> None:
    app = write_app(
        tmp_path,
        """
import time
from pathlib import Path

from perdure import IO, Client, event_trigger

client = Client(id="blocked")


@client.job(id="blocked", version="1.0.0", trigger=event_trigger("block"))
async def blocked(payload: dict, io: IO) -> str:
    Path("begun").touch()
    time.sleep(3600)
    return "never"
""",
    )
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("block", {})
        wait_until((tmp_path / "begun").exists)
        edit(app, "    time.sleep(3600)\n", "")
        dev.until("It does not end by itself, and is killed")
        dev.until("Reloaded")
        dev.until('"never"')


def is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("program", [SLOW, ""])
def test_the_nodes_process_does_not_outlive_a_supervisor_that_was_killed(program: str, tmp_path: Path) -> None:
    write_app(tmp_path, program) if program else write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        if program:
            dev.send("slow", {})
            wait_until((tmp_path / "begun").exists)
        node, port = dev.node(), int(dev.url.rpartition(":")[2])
        os.kill(dev.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(node))
        wait_until(lambda: is_free(port))
    (tmp_path / "over").touch()
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        if program:
            # Put back in line in good order, it is no execution that took its process with it.
            dev.until('"done"')


def test_a_supervisor_that_is_killed_while_a_module_is_imported_takes_the_process_with_it(tmp_path: Path) -> None:
    write_app(tmp_path, "from pathlib import Path\nimport time\nPath('importing').touch()\ntime.sleep(3600)\n")
    with started(tmp_path, "app.py") as dev:
        wait_until((tmp_path / "importing").exists)
        (node,) = children_of(dev.pid)
        os.kill(dev.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(node))


def test_a_process_of_the_node_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        dev.until("waits for 'go'")
        for _ in range(2):
            os.kill(dev.node(), signal.SIGKILL)
            dev.until("The node's process was ended by SIGKILL. It is started again")
            dev.until("Reloaded")
        dev.send("long.ends", {})
        dev.until('"old"')


def test_an_app_that_ends_its_process_while_it_is_loaded_is_started_again_when_it_has_changed(tmp_path: Path) -> None:
    app = write_app(tmp_path, "import os\n\nos._exit(7)\n")
    with started(tmp_path, "app.py") as dev:
        dev.until("The node's process ended by itself, with status 7 while it loaded app.py.")
        app.unlink()
        write_app(tmp_path)
        dev.ready()


def test_what_jobs_start_may_be_ended_by_ctrl_c_as_ever(tmp_path: Path) -> None:
    """The node's process leaves Ctrl-C to its supervisor; what it starts must not inherit that."""
    write_app(
        tmp_path,
        """
import subprocess

from perdure import IO, Client, event_trigger

client = Client(id="children")
PROGRAM = "import os, signal; print(signal.getsignal(2) is signal.default_int_handler, signal.pthread_sigmask(0, []))"


@client.job(id="children", version="1.0.0", trigger=event_trigger("start"))
async def children(payload: dict, io: IO) -> str:
    done = subprocess.run(["python3", "-c", PROGRAM], capture_output=True, text=True)
    return done.stdout.strip()
""",
    )
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("start", {})
        dev.until('"True set()"')


def test_a_database_in_memory_is_said_to_be_gone(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", environ={"PERDURE_DATABASE_URL": "sqlite://"}) as dev:
        assert re.search(r"database +in memory", dev.ready())
        dev.interrupt()
        assert dev.rest().endswith("Stopped. The database was in memory: it is gone.\n")
