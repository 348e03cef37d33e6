"""What each peer needs, and where it is kept below ``.bench/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HOME = PROJECT / ".bench"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The packages that one peer runs with.

    Attributes:
        packages: Requirements for ``pip install``.
        node_packages: Packages for ``npm install``, for a peer whose server is published there.
        needs: Programs that no package registry here provides; they must be on ``PATH`` (or see ``README.md``).
    """

    packages: tuple[str, ...]
    node_packages: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


ENVIRONMENTS: dict[str, Environment] = {
    "dbos": Environment(packages=("dbos", "uvloop")),
    "restate": Environment(
        packages=("restate-sdk", "hypercorn", "granian", "aiohttp", "uvloop"),
        node_packages=("@restatedev/restate-server",),
    ),
    "absurd": Environment(packages=("absurd-sdk", "absurdctl"), needs=("postgres",)),
    # The newest fastapi keeps prefect's server from starting.
    "prefect": Environment(packages=("prefect", "fastapi==0.139.*")),
    "queues": Environment(
        packages=("procrastinate", "celery[redis]", "huey", "dramatiq[redis]", "taskiq", "taskiq-redis"),
        needs=("redis-server", "postgres"),
    ),
    "limits": Environment(
        packages=(
            *("uvicorn", "httptools", "uvloop", "granian", "hypercorn"),
            *("aiohttp", "httpx[http2]", "httpcore", "niquests", "requests", "urllib3"),
            *("msgspec", "orjson", "pydantic"),
            *("sqlalchemy[asyncio]", "apsw", "aiosqlite", "asyncpg", "psycopg[binary]"),
        ),
        needs=("wrk", "postgres"),
    ),
}


def find_python(name: str) -> Path | None:
    """Find the interpreter of a peer's environment.

    Args:
        name: A key of ``ENVIRONMENTS``.

    Returns:
        Its path, or ``None`` if the environment has not been built.
    """
    python = HOME / name / "bin" / "python"
    return python if python.exists() else None


def find_restate_server() -> Path | None:
    """Find the restate-server binary that npm installed.

    Returns:
        The binary of this platform, or ``None`` if it has not been installed.
    """
    found = sorted((HOME / "npm" / "node_modules" / "@restatedev").glob("restate-server-*/bin/restate-server"))
    return found[0] if found else None
