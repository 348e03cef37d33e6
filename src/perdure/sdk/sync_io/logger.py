"""The calls of `perdure.sdk.io.logger`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import Any

from perdure.sdk.blocking import SyncTwin
from perdure.sdk.io.logger import Logger


class SyncLogger(SyncTwin[Logger]):
    """`Logger` for plain functions: the same calls, blocking.

    Writes lines to the run's log.

    A line's key is its message, its level and how often that pair was logged before in the same place, so lines
    are never ambiguous and never a mismatch. A line is stored no later than the next task's result.
    """

    def log(self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None) -> None:
        """Write a line of level LOG."""
        return self._run(self._inner.log(message, data, exc_info=exc_info))

    def debug(self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None) -> None:
        """Write a line of level DEBUG."""
        return self._run(self._inner.debug(message, data, exc_info=exc_info))

    def info(self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None) -> None:
        """Write a line of level INFO."""
        return self._run(self._inner.info(message, data, exc_info=exc_info))

    def warn(self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None) -> None:
        """Write a line of level WARN."""
        return self._run(self._inner.warn(message, data, exc_info=exc_info))

    def error(self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None) -> None:
        """Write a line of level ERROR."""
        return self._run(self._inner.error(message, data, exc_info=exc_info))

    warning = warn
