"""An app behind a URL, as the engine sees it: each call is an action of the v2 protocol, section 3."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from perdure.errors import FetchFailedError, JsonError, RunError
from perdure.protocol.epochs import epoch_of
from perdure.protocol.execution import Abandoned, AutoYielded, ExecutionResult, Suspended
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.endpoints import ProbeBody
from perdure.protocol.messages.headers import ENDPOINT_ID_HEADER, HELD_HEADER, NOT_HELD, RUN_HEADER, Action
from perdure.protocol.messages.indexing import IndexAnswer
from perdure.transport.app_link import EXECUTION_SECONDS, AppLink
from perdure.transport.asked_app import AskedApp
from perdure.transport.at_work import AtWork
from perdure.transport.bystanders import is_bystander, may_be_gone
from perdure.transport.chunk_limit import LONGEST_MS, ChunkLimit
from perdure.transport.endpoint_index import index_of, issues_of_jobs
from perdure.transport.execution_body import execution_body, known_task, resumed_body
from perdure.transport.execution_verdict import read_outcome, verdict_on_refusal, verdict_on_silence
from perdure.transport.kept_runs import KeptRuns
from perdure.transport.platform_timeouts import is_platform_timeout
from perdure.transport.preprocessing import Preprocessing
from perdure.transport.presence import Presence
from perdure.transport.wanted_ends import WantedEnds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from perdure.protocol.endpoint import Index
    from perdure.protocol.execution import ExecutionRequest, TaskState
    from perdure.protocol.messages.execution import RunMetadata
    from perdure.protocol.outbound import OutboundResponse
    from perdure.transport.kept_runs import Keepers
    from perdure.transport.preprocessing import Keeps

PROBE_SECONDS: Final = 150.0
"""How long it may take to answer to a probe, which waits 120 s by itself."""

_OK: Final = 200
_GONE: Final = "the suspended run is no longer kept in memory"
_LOST: Final = "the run was lost before it was executed"


class HttpEndpoint(AskedApp):
    """Speaks to an app of the v2 protocol.

    Args:
        link: The way to the app.
        now: Gives the time.
        monotonic: Gives the seconds that executions are measured by.
        listens: Told which ends of a job's runs the app wants to be told of.
        is_bounded: Whether an execution may take only so long.
        keepers: The workers that keep suspended runs of the app; ``None``: nobody does.
        keeps: Stores what is to be shown of a run; ``None``: the app is not asked for that.
        life: Which start of the server this is (`perdure.protocol.epochs`); 0: it is not told from others.

    Attributes:
        id: The app's id.
        limit: How long an execution may take.
    """

    def __init__(
        self,
        link: AppLink,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        listens: Callable[[str, RunMetadata], Awaitable[None]],
        is_bounded: bool = True,
        keepers: Keepers | None = None,
        keeps: Keeps | None = None,
        life: int = 0,
    ) -> None:
        super().__init__(link)
        self._now = now
        self._monotonic = monotonic
        self._ends = WantedEnds(listens)
        self._is_bounded = is_bounded
        self._kept = None if keepers is None else KeptRuns(keepers, monotonic)
        self._preprocessing = None if keeps is None else Preprocessing(link, keeps)
        # By run, the newest execution at work.
        self._at_work: dict[str, AtWork] = {}
        self.limit = ChunkLimit()
        self._presence = Presence(self.id)
        self._life = life

    @property
    def dials_in(self) -> bool:
        """Whether its runs are executed by workers, which have no URL."""
        return self._kept is not None

    async def index(self) -> Index:
        """List what the app declares.

        Raises:
            FetchFailedError: It did not say.
        """
        with self._link.looking():
            index = await self._ask_for_index()
        if self._preprocessing is not None:
            self._preprocessing.declare(index)
        return index

    async def _ask_for_index(self) -> Index:
        answer = await self._find(Action.INDEX_ENDPOINT)
        self._link.check(answer)
        try:
            return index_of(self.id, decode_message(answer.body, IndexAnswer))
        except MessageShapeError as error:
            said = issues_of_jobs(error, answer.body)
            raise FetchFailedError(
                said or f"The index of {self._link.shown_url} cannot be read. {error.message}"
            ) from error
        except JsonError as error:
            raise FetchFailedError(f"The index of {self._link.shown_url} cannot be read. {error.message}") from error

    @property
    def may_be_probed(self) -> bool:
        """Whether it is told how long an execution may take, so that it is of use to know that."""
        return self._is_bounded and self._link.is_lazy

    async def probe(self) -> bool:
        """Find out for how long the app's platform lets it work (v2 protocol, section 3.12).

        Returns:
            Whether it is known now.

        Raises:
            RunError: Nobody answers.
        """
        began = self._monotonic()
        body = encode_message(ProbeBody(timeout=LONGEST_MS))
        answer = await self._link.post(Action.PROBE_EXECUTION_TIMEOUT, body=body, timeout=PROBE_SECONDS)
        # What stands before an app may answer in its place.
        is_over = answer.status == _OK and not (self.is_signed and is_bystander(answer, is_native=True))
        if not is_over and not is_platform_timeout(answer):
            return False
        await self.limit.learn((self._monotonic() - began) * 1000)
        return True

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Have the app execute the job's function until it ends or every branch waits."""
        run_id = request.run.id
        kept = None if self._kept is None else self._kept.drop(run_id)
        if request.is_complete:
            keeper = None
        elif kept is not None and kept.epoch + 1 == request.epoch:
            keeper = kept.worker_id
        else:
            return Abandoned(_GONE, immediate=True)
        at_work = self._at_work[run_id] = AtWork(request.epoch, asyncio.timeout(None))
        try:
            async with at_work.scope:
                if self._preprocessing is None:
                    return await self._execute(request, keeper)
                return await self._preprocess(request, keeper, self._preprocessing)
        except TimeoutError:
            if at_work.taken_away is None:
                raise
            return Abandoned(at_work.taken_away)
        finally:
            if self._at_work.get(run_id) is at_work:
                del self._at_work[run_id]

    async def _preprocess(
        self, request: ExecutionRequest, keeper: str | None, preprocessing: Preprocessing
    ) -> ExecutionResult:
        end: ExecutionResult | None = None
        if preprocessing.is_due(request):
            is_held, end = await preprocessing.ask(request)
            if not is_held:
                return Abandoned(_LOST, immediate=True)
        result = await self._execute(request, keeper) if end is None else end
        if not isinstance(result, Abandoned):
            preprocessing.forget(request.run.id)
        return result

    async def _execute(self, request: ExecutionRequest, keeper: str | None) -> ExecutionResult:
        began = self._monotonic()
        held = () if keeper is None else ((HELD_HEADER, keeper),)
        if self._kept is not None:
            held = (*held, (RUN_HEADER, request.run.id))
        try:
            answer = await self._link.post(
                Action.EXECUTE_JOB, body=self._body(request), headers=held, timeout=EXECUTION_SECONDS
            )
        except RunError as error:
            silence = verdict_on_silence(error, self._link.shown_url, is_bounded=self._is_bounded)
            if silence is not None:
                return silence
            # That an address is closed is no fault of the app, and goes on until somebody opens it.
            return self._nobody("" if isinstance(error, FetchFailedError) else f": {error.message}")
        # What all of an app's answers say that is perdure's cannot be missing.
        is_foreign = self.is_signed and is_bystander(answer, is_native=True)
        if 200 <= answer.status < 300 and not is_foreign:
            self._presence.note_there()
            await self._ends.learn(request.job.id, answer)
            result = read_outcome(answer)
            self._note_keeper(request, result, answer)
            return result
        if answer.status == NOT_HELD and keeper is not None:
            return Abandoned(_GONE, immediate=True)
        took_ms = (self._monotonic() - began) * 1000
        if may_be_gone(answer, is_native=self.is_signed) and not await self.is_there():
            return self._nobody(f": {self._link.redirected(answer) or f'status {answer.status}'}")
        self._presence.note_there()
        verdict = verdict_on_refusal(answer, self._link, took_ms=took_ms)
        if isinstance(verdict, AutoYielded):
            await self.limit.learn(took_ms)
        return verdict

    def _nobody(self, how: str = "") -> ExecutionResult:
        """Say that nobody is there: that is no failure of the run, which waits until the app is back."""
        said = f"Connection could not be established to the endpoint ({self._link.shown_url}){how}"
        self._presence.note_away(said)
        return Abandoned(said, no_code=True, is_absent=True)

    async def is_there(self) -> bool:
        """Whether the app answers, and not only what stands before it."""
        headers = ((ENDPOINT_ID_HEADER, self.id),)
        try:
            answer = await self._link.post(Action.PING, headers=headers)
        except RunError:
            return False
        is_foreign = is_bystander(answer, is_native=self.is_signed)
        return not is_foreign or (200 <= answer.status < 300 and not self.is_signed)

    def _body(self, request: ExecutionRequest) -> bytes:
        request = replace(request, epoch=epoch_of(request.epoch, self._life))
        if not request.is_complete:
            return encode_message(resumed_body(request, now=self._now(), is_native=self._link.is_native))
        limit_ms = self.limit.told_ms if self._is_bounded else None
        return encode_message(
            execution_body(
                request,
                now=self._now(),
                limit_ms=limit_ms,
                is_native=self._link.is_native,
                is_lazy=self._link.is_lazy,
            )
        )

    def _note_keeper(self, request: ExecutionRequest, result: ExecutionResult, answer: OutboundResponse) -> None:
        if self._kept is None or not isinstance(result, Suspended):
            return
        keeper = next((value for name, value in answer.headers if name == HELD_HEADER), None)
        if keeper is not None:
            self._kept.keep(request.run.id, epoch=request.epoch, task_ids=result.task_ids, worker_id=keeper)

    def held(self, run_id: str) -> tuple[str, ...] | None:
        """Name the tasks that a suspended run waits for which a worker still has in memory."""
        kept = None if self._kept is None else self._kept.find(run_id)
        return None if kept is None else kept.task_ids

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        """Tell a worker of waits that are over; an app behind a URL is told by what it has sent, if it can be."""
        at_work = self._at_work.get(run_id)
        if self._kept is None or at_work is None or at_work.epoch != epoch:
            return False
        return self._kept.resolve(run_id, epoch_of(epoch, self._life), [known_task(task) for task in tasks])

    def abort(self, run_id: str, reason: str) -> None:
        """Have workers stop a run, or forget it; hang up on an app of perdure's behind a URL, which looks why then.

        Any other app behind a URL learns from its next call that it has lost the run.
        """
        if self._preprocessing is not None:
            self._preprocessing.abort(run_id)
        at_work = self._at_work.get(run_id)
        if self._kept is not None:
            if self._kept.drop(run_id) is not None or at_work is not None:
                self._kept.abort(run_id)
        elif at_work is not None and self._link.is_native:
            at_work.take_away(reason)
