from __future__ import annotations

import subprocess
import sys

SERVER_SIDE = ("perdure.server", "perdure.engine", "perdure.storage")
HEAVY = ("apsw", "asyncpg", "sqlite3", "aiohttp", "uvicorn", "aiosql")


def test_importing_perdure_loads_no_server_room_and_no_driver() -> None:
    loaded = _run("import sys, perdure; print(*sys.modules)").split()
    assert "perdure" in loaded
    assert [name for name in loaded if name.startswith(SERVER_SIDE) or name.split(".")[0] in HEAVY] == []


def test_importing_perdure_takes_at_most_100_ms_of_processor_time() -> None:
    # The best of a few, since the other processes of the machine can only add.
    program = "import time; start = time.process_time(); import perdure; print(time.process_time() - start)"
    assert min(float(_run(program)) for _ in range(5)) <= 0.100


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
