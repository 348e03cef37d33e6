"""How a workload is to be run, and the two things every run needs: an event loop and an empty folder."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")

DATA = Path(__file__).resolve().parents[1] / ".bench" / "data"

STORAGES = ("sqlite",)
TRANSPORTS = ("direct", "http", "worker")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One way to run the workloads.

    Attributes:
        storage: Where runs are kept; one of ``STORAGES``.
        transport: How jobs reach the engine: in its own process, over HTTP to a server, or in a worker of the server;
            one of ``TRANSPORTS``.
        plain: Whether the jobs of W1 and W2 are plain functions, in threads, instead of async ones.
        repetitions: How often a short workload is repeated; the median is reported.
        scale: A factor on the number of runs and steps. A figure taken at another scale than 1 only shows that the
            workload runs.
        folder: Databases are made below it. It must be on the disk that is to be measured.
    """

    storage: str = "sqlite"
    transport: str = "direct"
    plain: bool = False
    repetitions: int = 3
    scale: float = 1.0
    folder: Path = field(default=DATA)

    def count(self, number: int) -> int:
        """Scale a number of runs or steps.

        Args:
            number: The number at scale 1.

        Returns:
            At least 1.
        """
        return max(1, round(number * self.scale))

    def describe(self, **more: Any) -> dict[str, Any]:
        """Say what must be known to repeat a measurement; where the files were is not part of it.

        Args:
            **more: What the workload adds.

        Returns:
            Names and values that JSON can hold.
        """
        own = {name: value for name, value in asdict(self).items() if name != "folder"}
        return own | {"loop": name_loop()} | more


@contextmanager
def fresh_folder(base: Path) -> Iterator[Path]:
    """Make an empty folder for one repetition, and delete it afterwards.

    Args:
        base: Where to make it; created if need be.

    Yields:
        The folder.
    """
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as folder:
        yield Path(folder)


def name_loop() -> str:
    """Name the event loop that ``run_on_loop`` uses.

    Returns:
        ``uvloop`` if it is installed, else ``asyncio``.
    """
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"
    return "uvloop"


def run_on_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on the fastest loop that is installed.

    Args:
        main: The coroutine.

    Returns:
        What it returns.
    """
    if name_loop() == "asyncio":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)
