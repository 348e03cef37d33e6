"""Telling whoever runs a server that an app has gone, and that it is back; without it only its runs would say so."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)


class Presence:
    """Whether an app answered last.

    Args:
        endpoint_id: The app's id.
    """

    def __init__(self, endpoint_id: str) -> None:
        self._endpoint_id = endpoint_id
        self._is_away = False

    def note_away(self, why: str) -> None:
        """Note that nobody is there."""
        if not self._is_away:
            self._is_away = True
            _log.warning("The app %s is not there, and its runs wait: %s", self._endpoint_id, why)

    def note_there(self) -> None:
        """Note that it has answered."""
        if self._is_away:
            self._is_away = False
            _log.info("The app %s is there again.", self._endpoint_id)
