"""What is counted after the demonstration, and what it must come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.finding import Finding, differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.npm.evidence import Evidence

_BODIES = ("charge", "pack", "label")
_WAITS = ("picture", "papers", "second thoughts")


def examine(evidence: Evidence) -> list[Finding]:
    """Make every check."""
    return [check(evidence) for check in CHECKS]


def check_acknowledgements(evidence: Evidence) -> Finding:
    """Look whether what was acknowledged is on disk after the kill."""
    kept = set(evidence.killed.events)
    return Finding(
        f"{len(evidence.acknowledged)} events were acknowledged before the kill, and every one was on disk after it.",
        [f"{event} was acknowledged and lost" for event in evidence.acknowledged if event not in kept],
    )


def check_runs(evidence: Evidence) -> Finding:
    """Look whether each event has started one run, and each has succeeded."""
    events = [f"{kind}-{order}" for kind in ("order", "packed") for order in range(evidence.orders)]
    problems = differences("run of", events, [run.event for run in evidence.database.runs])
    problems += [f"the run of {run.event} is {run.status}" for run in evidence.database.runs if run.status != "SUCCESS"]
    problems += differences("event", events, evidence.database.events)
    sentence = "every order was sent twice and started one run, each of them another that ships, and all succeeded."
    return Finding(f"{len(evidence.database.runs)} runs: {sentence}", problems)


def check_results(evidence: Evidence) -> Finding:
    """Look whether each task has its result, once."""
    expected = [f"{key} of order-{order}" for order in range(evidence.orders) for key in ("charge", "pack", *_WAITS)]
    expected += [f"label of packed-{order}" for order in range(evidence.orders)]
    found = [
        f"{key} of {event}"
        for (event, key), outputs in evidence.database.results.items()
        if key in (*_BODIES, *_WAITS)
        for _ in outputs
    ]
    return Finding(f"{len(found)} results of tasks, requests, fetches and waits are recorded, each once.",
                   differences("result of", expected, found))  # fmt: skip


def check_outputs(evidence: Evidence) -> Finding:
    """Look whether each run got the picture and the papers that were made for it."""
    problems = [
        f"the run of {run.event} ended with {run.output}"
        for run in evidence.database.runs
        if run.job == "fulfil" and run.output != _output(int(run.event.partition("-")[2]))
    ]
    return Finding(f"{evidence.orders} orders have the picture and the papers that were made for them.", problems)


def check_what_was_recorded(evidence: Evidence) -> Finding:
    """Look whether what was on disk when the server was killed has stayed as it was."""
    now = evidence.database.results
    problems = [f"{key} of {event} has changed" for (event, key), was in evidence.killed.results.items()
                if now.get((event, key)) != was]  # fmt: skip
    return Finding(f"{len(evidence.killed.results)} results were on disk at the kill; none has changed.", problems)


def check_bodies(evidence: Evidence) -> Finding:
    """Look whether only bodies ran again whose results had not been recorded."""
    recorded = evidence.killed.results.keys()
    expected = {(f"order-{order}", body) for order in range(evidence.orders) for body in ("charge", "pack")}
    expected |= {(f"packed-{order}", "label") for order in range(evidence.orders)}
    ran = [*evidence.before, *evidence.after]
    problems = [f"{body} of {event} ran again, though it was recorded" for event, body in evidence.after
                if (event, body) in recorded]  # fmt: skip
    problems += [f"{body} of {event} never ran" for event, body in sorted(expected - set(ran))]
    again = len(ran) - len(set(ran))
    sentence = "none that had been recorded ran again"
    return Finding(
        f"{len(set(ran))} task bodies ran, and {again} of them, cut by the kill, again; {sentence}.", problems
    )


def _output(order: int) -> dict[str, object]:
    return {"order": order, "picture": f"picture of order {order}", "papers": f"papers for order {order}"}


CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    check_acknowledgements,
    check_runs,
    check_results,
    check_outputs,
    check_what_was_recorded,
    check_bodies,
)
