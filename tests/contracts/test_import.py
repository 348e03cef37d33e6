"""What `import perdure` loads; how long it takes is measured by ``python -m bench import``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SERVER_SIDE = ("perdure.server", "perdure.engine", "perdure.storage")
HEAVY = ("apsw", "asyncpg", "sqlite3", "aiohttp", "uvicorn", "starlette", "pydantic", "cryptography")


def test_importing_perdure_loads_no_server_room_and_no_driver(tmp_path: Path) -> None:
    loaded = _run("import sys; from perdure import *; print(*sys.modules)", cache=tmp_path).split()
    assert "perdure.sdk.client" in loaded
    assert [name for name in loaded if name.startswith(SERVER_SIDE) or name.split(".")[0] in HEAVY] == []


def test_the_package_alone_loads_next_to_nothing(tmp_path: Path) -> None:
    loaded = _run("import sys, perdure; print(*sys.modules)", cache=tmp_path).split()
    assert [name for name in loaded if name.startswith("perdure.")] == []
    assert "asyncio" not in loaded


def test_a_name_that_the_package_has_not_is_no_attribute(tmp_path: Path) -> None:
    assert _run("import perdure; print(hasattr(perdure, 'Klient'), 'Client' in dir(perdure))", cache=tmp_path) == (
        "False True\n"
    )


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
