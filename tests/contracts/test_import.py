from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SERVER_SIDE = ("perdure.server", "perdure.engine", "perdure.storage")
HEAVY = ("apsw", "asyncpg", "sqlite3", "aiohttp", "uvicorn", "aiosql", "pydantic")


def test_importing_perdure_loads_no_server_room_and_no_driver(tmp_path: Path) -> None:
    loaded = _run("import sys, perdure; print(*sys.modules)", cache=tmp_path).split()
    assert "perdure" in loaded
    assert [name for name in loaded if name.startswith(SERVER_SIDE) or name.split(".")[0] in HEAVY] == []


def test_importing_perdure_takes_at_most_100_ms_of_processor_time(tmp_path: Path) -> None:
    program = "import time; start = time.process_time(); import perdure; print(time.process_time() - start)"
    _run(program, cache=tmp_path)
    # The best of a few, since the other processes of the machine can only add.
    assert min(float(_run(program, cache=tmp_path)) for _ in range(5)) <= 0.100


def _run(program: str, *, cache: Path) -> str:
    """Run a program in a new interpreter that keeps its byte code, as an installed one does."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "PYTHONPYCACHEPREFIX": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
