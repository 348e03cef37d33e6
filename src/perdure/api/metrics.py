"""Metrics, in the text format of Prometheus."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from perdure.api.answers import new_request_id, perdure_version, refuse
from perdure.api.refusals import Refusal, refusal_of
from perdure.api.tallies import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Receive, Scope, Send

    from perdure.api.keys import Keys
    from perdure.api.tallies import Tallies
    from perdure.engine.environments import Environment
    from perdure.engine.measures import Measures
    from perdure.engine.node import Node

KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
_STATM = Path("/proc/self/statm")
_STARTED = time.time()


class MetricsRoute:
    """An ASGI application that shows metrics: those of an environment to its private key, all to the owner's.

    Args:
        node: The node.
        keys: Who may ask.
        tallies: The requests that were answered.
    """

    def __init__(self, node: Node, *, keys: Keys, tallies: Tallies) -> None:
        self._node = node
        self._keys = keys
        self._tallies = tallies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request_id = new_request_id()
        try:
            response = await self._answer(Request(scope, receive))
        except Exception as error:
            response = refuse(refusal_of(error, request_id), request_id)
        response.headers["X-Request-Id"] = request_id
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "method_not_allowed", "This path takes GET.", headers={"Allow": "GET, HEAD"})
        access = self._keys.check_metrics(request)
        measures = await self._node.measure()
        shown = self._node.environments.all() if access.is_owner else [access.environment]
        families = [*_of_runs(measures, shown), *_of_endpoints(self._node, shown)]
        if access.is_owner:
            families += [*_of_node(measures), *_of_requests(self._tallies), *_of_process()]
        return Response(_written(families), headers={"Content-Type": KIND, "Cache-Control": "no-store"})


class Family:
    """A metric with its samples: the end of the name, the labels, and the value of each.

    Args:
        name: Its name.
        kind: ``counter``, ``gauge`` or ``histogram``.
        help: What it says.
    """

    def __init__(self, name: str, kind: str, help: str) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.samples: list[tuple[str, Mapping[str, str], float]] = []

    def add(self, value: float, end: str = "", **labels: str) -> Family:
        """Add a sample."""
        self.samples.append((end, labels, value))
        return self


def _of_runs(measures: Measures, shown: Iterable[Environment]) -> list[Family]:
    slugs = {one.number: one.slug for one in shown}
    ended = Family("perdure_runs_ended_total", "counter", "Runs that have ended, since the database was made.")
    seconds = Family("perdure_execution_seconds_total", "counter", "For how long ended runs were executed.")
    due = Family("perdure_runs_due", "gauge", "Runs that are due and not executed; at most 10,000 are counted.")
    for one in measures.ended:
        if one.environment_no in slugs:
            environment, status = slugs[one.environment_no], one.status.value
            ended.add(one.runs, environment=environment, status=status)
            seconds.add(one.seconds, environment=environment, status=status)
    for number, slug in slugs.items():
        due.add(measures.due.get(number, 0), environment=slug)
    return [ended, seconds, due]


def _of_endpoints(node: Node, shown: Iterable[Environment]) -> list[Family]:
    hosted = Family("perdure_jobs_hosted", "gauge", "Jobs whose code is here, or in an app that is there.")
    for one in shown:
        hosted.add(node.directory.count_jobs(one.number), environment=one.slug)
    return [hosted]


def _of_node(measures: Measures) -> list[Family]:
    gauges = (
        ("perdure_oldest_due_run_seconds", "For how long the first run in line has been due.",
         measures.run_lag.total_seconds()),
        ("perdure_oldest_due_timer_seconds", "For how long the first timer has been due.",
         measures.timer_lag.total_seconds()),
        ("perdure_executions", "Executions at work.", measures.executions),
        ("perdure_executions_limit", "How many executions may be at work.", measures.most_executions),
        ("perdure_outbound_requests", "Requests on behalf of jobs that are under way.", measures.requests),
        ("perdure_notifications", "Ends of runs that are being told.", measures.notifications),
    )  # fmt: skip
    info = Family("perdure_info", "gauge", "The version that runs.").add(1, version=perdure_version())
    return [info, *(Family(name, "gauge", help).add(value) for name, help, value in gauges)]


def _of_requests(tallies: Tallies) -> list[Family]:
    answers = Family("perdure_requests_total", "counter", "Requests that were answered.")
    for (method, path, status), count in tallies.answers.items():
        answers.add(count, method=method, route=path, status=str(status))
    durations = Family("perdure_request_seconds", "histogram", "How long requests took.")
    bounds = [*(f"{bound:g}" for bound in SECONDS), "+Inf"]
    for (method, path), found in tallies.durations.items():
        for bound, count in zip(bounds, accumulate(found.counts), strict=True):
            durations.add(count, "_bucket", method=method, route=path, le=bound)
        durations.add(found.seconds, "_sum", method=method, route=path)
        durations.add(sum(found.counts), "_count", method=method, route=path)
    return [answers, durations]


def _of_process() -> list[Family]:
    used = os.times()
    families = [
        Family("process_cpu_seconds_total", "counter", "Processor time.").add(used.user + used.system),
        Family("process_start_time_seconds", "gauge", "When the process began to serve.").add(_STARTED),
    ]
    # Only Linux says so.
    with suppress(OSError):
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        resident = Family("process_resident_memory_bytes", "gauge", "Memory in use.")
        families.append(resident.add(pages * os.sysconf("SC_PAGE_SIZE")))
    return families


def _written(families: Iterable[Family]) -> str:
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {family.help}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for end, labels, value in family.samples:
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{family.name}{end}{f'{{{inner}}}' if inner else ''} {value:.17g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
