"""How other processes find a node: the file beside its database."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.engine.clock import SystemClock
from perdure.server.announcement import announce, find_node
from perdure.server.embedded import start_embedded
from perdure.storage.opening import find_owner
from tests.engine.app import ScriptedApp

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def app() -> ScriptedApp:
    return ScriptedApp(SystemClock())


@pytest.mark.parametrize("public_url", [None, "https://example.com/perdure"])
async def test_a_node_is_found_by_its_database_until_it_stops(tmp_path: Path, public_url: str | None) -> None:
    database = tmp_path / "perdure.db"
    node = await start_embedded(
        app(), database_url=f"sqlite:///{database}", public_url=public_url, api_key="tr_dev_own"
    )
    said = find_node(database)
    mode = stat.S_IMODE((tmp_path / "perdure.db.node").stat().st_mode)
    url = node.url
    await node.stop()

    assert said is not None
    assert (said.pid, said.api_key, node.api_key) == (os.getpid(), "tr_dev_own", "tr_dev_own")
    assert said.url.startswith("http://127.0.0.1:")
    assert url == (public_url or said.url)
    assert mode == 0o600
    assert find_node(database) is None
    assert names_in(tmp_path) == ["perdure.db", "perdure.db.lock"]


async def test_a_node_without_a_key_makes_one_for_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERDURE_API_KEY", raising=False)
    monkeypatch.delenv("TRIGGER_API_KEY", raising=False)
    keys: list[str] = []
    for name in ("a", "b"):
        node = await start_embedded(app(), database_url=f"sqlite:///{tmp_path}/{name}.db")
        keys.append(node.api_key)
        await node.stop()
    assert [len(key) for key in keys] == [27, 27]
    assert all(key.startswith("tr_dev_") for key in keys)
    assert keys[0] != keys[1]


async def test_a_node_in_memory_is_announced_nowhere() -> None:
    node = await start_embedded(app(), database_url="sqlite://")
    assert node._announced is None
    await node.stop()


def test_what_a_dead_process_has_said_does_not_count(tmp_path: Path) -> None:
    database = tmp_path / "perdure.db"
    program = (
        "import os, sys, signal; from datetime import timedelta; from pathlib import Path\n"
        "from perdure.storage.sqlite.ownership import OwnerLock\n"
        "from perdure.server.announcement import announce, find_node; from datetime import datetime, UTC\n"
        "path = Path(sys.argv[1]); lock = OwnerLock.acquire(path, timeout=timedelta())\n"
        "announce(path, url='http://127.0.0.1:1', api_key='k', started=datetime.now(UTC))\n"
        "print(find_node(path).pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(database)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert int(process.stdout.read()) == process.pid
    # It has ended, and nobody has asked how: its entry in the table of processes is still there.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert find_owner(database) is None
    process.stdout.close()
    assert process.wait() < 0
    assert json.loads((tmp_path / "perdure.db.node").read_text())["pid"] == process.pid
    assert find_node(database) is None


def test_what_is_no_announcement_is_none(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"url": 1}'):
        (tmp_path / "perdure.db.node").write_text(text)
        assert find_node(tmp_path / "perdure.db") is None


async def test_a_node_that_stops_leaves_what_its_successor_has_said(tmp_path: Path) -> None:
    database = tmp_path / "perdure.db"
    node = await start_embedded(app(), database_url=f"sqlite:///{database}")
    other = announce(database, url="http://127.0.0.1:1", api_key="k", started=NOW)
    await node.stop()
    assert other is not None
    assert (tmp_path / "perdure.db.node").exists()


async def test_a_file_that_cannot_be_written_does_not_keep_a_node_from_working(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = tmp_path / "perdure.db"
    (tmp_path / "perdure.db.node").mkdir()
    (tmp_path / "perdure.db.node" / "kept").touch()
    node = await start_embedded(app(), database_url=f"sqlite:///{database}")
    await node.stop()
    assert "will not find this node" in caplog.text
    assert names_in(tmp_path) == ["perdure.db", "perdure.db.lock", "perdure.db.node"]


def test_an_announcement_does_not_show_its_key(tmp_path: Path) -> None:
    made = announce(tmp_path / "perdure.db", url="http://127.0.0.1:1", api_key="secret", started=NOW)
    assert "secret" not in repr(made)
