"""Coming to rest: every run has ended or waits, nothing is at work, and nothing is due."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from perdure.errors import NotSettledError

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.testing.clock import VirtualClock
    from perdure.testing.life import Life

_NUDGES = 3
"""How often services are woken for something that is due before it counts as stuck."""


class Lives(Protocol):
    """What is asked of an environment."""

    clock: VirtualClock

    async def alive(self) -> Life:
        """Give the life at hand, as soon as there is one again."""
        ...


class Settling:
    """Waits for an environment to come to rest. It sleeps until something ends, and asks nothing twice.

    Args:
        lives: The environment.
        patience: For how many seconds of real time it waits at most.
    """

    def __init__(self, lives: Lives, *, patience: float) -> None:
        self._lives = lives
        self._clock = lives.clock
        self._patience = patience
        self._life: Life | None = None
        self._stuck: datetime | None = None
        self._nudges = 0

    async def run(self) -> None:
        """Return when nothing can happen any more before time passes, or somebody outside acts.

        Raises:
            NotSettledError: That takes too long; the message names what is still at work.
        """
        __tracebackhide__ = True
        limit = asyncio.timeout(self._patience)
        try:
            async with limit:
                while not await self._is_settled():
                    continue
            return
        except TimeoutError:
            if not limit.expired():
                raise
        work = [] if self._life is None else self._life.describe_work()
        raise NotSettledError(
            f"After {self._patience:g} s the runs have not come to rest: "
            f"{'; '.join(work) or 'the node itself is still at work'}. If that is right, raise env.patience (seconds)."
        )

    async def _is_settled(self) -> bool:
        __tracebackhide__ = True
        life = self._life = await self._lives.alive()
        at_work = life.at_work()
        if at_work:
            await asyncio.wait(at_work)
        elif not self._clock.are_asleep(life.services):
            await self._clock.somebody_sleeps()
        elif await self._has_due(life):
            self._clock.rouse(life.services)
        else:
            return not life.is_over and not life.at_work() and self._clock.are_asleep(life.services)
        return False

    async def _has_due(self, life: Life) -> bool:
        """Whether something is due that nobody has taken up: a hint was lost, as it may be."""
        __tracebackhide__ = True
        due = await life.next_due()
        if due is None or due > self._clock.now():
            return False
        self._nudges = self._nudges + 1 if due == self._stuck else 0
        self._stuck = due
        if self._nudges >= _NUDGES:
            raise NotSettledError(
                f"Something has been due since {due.isoformat()}, and the node does not take it up; its log says why."
            )
        return True
