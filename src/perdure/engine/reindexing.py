"""Asking apps anew, from time to time, what they declare: a deploy need not tell (v2 protocol, section 3.5)."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from perdure.errors import PerdureError
from perdure.protocol.statuses import EnvironmentType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.clock import Clock

LOOK_INTERVAL = timedelta(minutes=5)
"""How often it is looked which apps are to be asked."""

FRESH = timedelta(minutes=10)
"""For how long an app that has been asked is asked no more."""

REINDEXED = frozenset({EnvironmentType.STAGING, EnvironmentType.PRODUCTION})
"""In which environments apps are asked anew: in the others whoever deploys is there."""

_log = logging.getLogger(__name__)


class Asker(Protocol):
    """Knows apps, and asks them; `perdure.engine.lookout.Lookout` is one."""

    async def list_stale(self, since: datetime) -> Sequence[str]:
        """List the apps that have been asked, but not since then."""
        ...

    async def ask_anew(self, endpoint_id: str) -> None:
        """Ask an app what it declares."""
        ...


async def ask_from_time_to_time(clock: Clock, asker: Asker) -> None:
    """Ask apps anew, until this is cancelled; one that does not answer is asked again next time.

    Args:
        clock: The time.
        asker: Knows the apps.
    """
    while True:
        await clock.wait(asyncio.Event(), clock.now() + LOOK_INTERVAL)
        try:
            for endpoint_id in await asker.list_stale(clock.now() - FRESH):
                await _ask(asker, endpoint_id)
        except PerdureError as error:
            _log.warning("It cannot be looked which apps are to be asked anew: %s", error)


async def _ask(asker: Asker, endpoint_id: str) -> None:
    try:
        await asker.ask_anew(endpoint_id)
    except PerdureError as error:
        _log.warning("Endpoint %s could not be asked anew what it declares: %s", endpoint_id, error)
