"""The calls of `perdure.sdk.io`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.sync_io.background_fetch import SyncFetchCalls
from perdure.sdk.sync_io.background_poll import SyncPollCalls
from perdure.sdk.sync_io.batch_invoke_and_wait import SyncBatchInvokeCalls
from perdure.sdk.sync_io.invoke import SyncInvokeCalls
from perdure.sdk.sync_io.invoke_and_wait import SyncAwaitedInvokeCalls
from perdure.sdk.sync_io.logger import SyncLogger
from perdure.sdk.sync_io.parallel import SyncParallelCalls
from perdure.sdk.sync_io.random import SyncRandomCalls
from perdure.sdk.sync_io.schedules import SyncScheduleCalls
from perdure.sdk.sync_io.send_event import SyncEventCalls
from perdure.sdk.sync_io.sent_events import SyncSentEventCalls
from perdure.sdk.sync_io.statuses import SyncStatusCalls
from perdure.sdk.sync_io.store import SyncStore
from perdure.sdk.sync_io.task_calls import SyncTaskCalls
from perdure.sdk.sync_io.triggers import SyncTriggerCalls
from perdure.sdk.sync_io.wait import SyncWaitCalls
from perdure.sdk.sync_io.wait_for_event import SyncEventWaitCalls
from perdure.sdk.sync_io.wait_for_request import SyncRequestCalls
from perdure.sdk.sync_io.yield_execution import SyncYieldCalls

if TYPE_CHECKING:
    from perdure.sdk.blocking import Run
    from perdure.sdk.io import IO


class SyncIO(
    SyncTaskCalls,
    SyncWaitCalls,
    SyncRequestCalls,
    SyncEventWaitCalls,
    SyncYieldCalls,
    SyncRandomCalls,
    SyncEventCalls,
    SyncSentEventCalls,
    SyncParallelCalls,
    SyncInvokeCalls,
    SyncAwaitedInvokeCalls,
    SyncBatchInvokeCalls,
    SyncStatusCalls,
    SyncScheduleCalls,
    SyncTriggerCalls,
    SyncFetchCalls,
    SyncPollCalls,
):
    """`IO` for plain functions: the same calls, blocking.

    The task library of one run.

    Every call takes its cache key first; leave the key out and name the rest to get an automatic one. Each result
    is stored and given again, equal and of equal type, whenever the run is executed again.

    Attributes:
        logger: Writes lines to the run's log.
    """

    def __init__(self, io: IO, run: Run) -> None:
        super().__init__(io, run)
        self.logger = SyncLogger(io.logger, run)

    @property
    def store(self) -> SyncStore:
        """The stores of values: ``io.store.env``, ``io.store.job`` and ``io.store.run``."""
        return SyncStore(self._io.store, self._run)
