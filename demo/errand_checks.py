"""The count of the errands: what the world outside was asked and did, held against what the runs say."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from demo.finding import Finding, differences
from demo.orders import PAPERS, PHOTO, SIGNATURE
from demo.plans import PATIENCE, Signer, expected_statuses, pending_looks_at, refusals_of, signer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.database import Database, TaskRow
    from demo.evidence import Evidence
    from demo.plans import StatusRow


def check_pictures(evidence: Evidence) -> Finding:
    """Each picture was taken and is in a result once, and only those were asked for twice that the kill interrupted."""
    expected = [order.number for order in evidence.orders_with(PHOTO)]
    outputs = _outputs(evidence.database, "photograph")
    arrived = {picture for picture, status in evidence.called_back if status == 200}
    problems = _wrong_orders("picture", expected, outputs)
    for order in expected:
        asked = {one.picture for one in evidence.asked if one.order == order}
        result = outputs.get(order, {}).get("picture")
        if result not in asked & arrived:
            problems.append(f"order {order} has {result}; the photographer took {sorted(asked)}")
    cut = {task.id for task in evidence.killed.tasks if task.operation == "wait_for_request"}
    cut -= evidence.killed.handed_on
    asked_for = Counter(one.task_id for one in evidence.asked)
    problems += [
        f"the photographer was asked {asked_for[task]} times for {task}" for task in _too_often(asked_for, cut)
    ]
    # A picture that comes before the shop asks again spares it that.
    problems += [
        f"the URL of {task} was not handed on" for task in asked_for.keys() - evidence.database.handed_on - cut
    ]
    knocked = {picture for picture, status in evidence.called_back if status == 0}
    sentence = (
        f"{len(expected)} pictures came by callback, {evidence.killed.count_open('photograph')} of them after "
        f"the kill; {len(knocked)} knocked until the shop was back."
    )
    return Finding(sentence, problems)


def check_applications(evidence: Evidence) -> Finding:
    """Each application came through after as many refusals as planned, and only what the kill cut was sent again."""
    expected = evidence.orders_with(PAPERS)
    problems = _wrong_orders("papers", [order.number for order in expected], _outputs(evidence.database, "get-papers"))
    tasks = {task.key: task for task in evidence.database.tasks if task.operation == "background_fetch"}
    in_flight = evidence.killed.requested & tasks.keys()
    problems += differences("key", list(tasks), {one.key for one in evidence.applications})
    failed = Counter(key for key, _ in evidence.database.failed_attempts)
    again = 0
    for order in expected:
        asked = [one for one in evidence.applications if one.order == order.number]
        statuses, keys = [one.status for one in asked], {one.key for one in asked}
        repeated = len(asked) - sum(failed[key] + 1 for key in keys)
        taken = len(statuses) - refusals_of(order.number)
        if statuses != [429] * refusals_of(order.number) + [202] * taken or not 1 <= taken <= 2:
            problems.append(f"the application of {order.subject} was answered {statuses}")
        if len(keys) != 1 or not 0 <= repeated <= len(keys & in_flight):
            problems.append(f"{repeated} requests of {order.subject} too many, under {len(keys)} keys")
        again += repeated
    refusals = sum(refusals_of(order.number) for order in expected)
    sentence = (
        f"{len(expected)} applications came through after {refusals} × 429; {again} requests were sent again, of the "
        f"{len(in_flight)} in flight at the kill."
    )
    return Finding(sentence, problems)


def check_looks(evidence: Evidence) -> Finding:
    """Each poll went on until the papers were ready, and each of its attempts is a task."""
    expected = evidence.orders_with(PAPERS)
    polls = {task.id: task for task in evidence.database.tasks if task.operation == "background_poll"}
    attempts = [task for task in evidence.database.tasks if task.operation == "poll_attempt" and task.parent in polls]
    problems = differences("poll attempt", (one.key for one in attempts), {one.key for one in evidence.looks})
    cut = {(task.id, str(task.attempts)) for task in evidence.killed.tasks if task.key in evidence.killed.requested}
    in_flight = {one.key for one in attempts if (one.parent, one.name) in cut}
    seen = Counter(one.key for one in evidence.looks)
    again = [key for key, count in seen.items() if count > 1]
    problems += [f"poll attempt {key} was made {seen[key]} times" for key in set(again) - in_flight]
    problems += [f"poll attempt {key} was made {seen[key]} times" for key in again if seen[key] > 2]
    for order in expected:
        found = list({one.key: one.found for one in evidence.looks if one.order == order.number}.values())
        if found != ["PENDING"] * pending_looks_at(order.number) + ["SUCCESS"]:
            problems.append(f"looking for the papers of {order.subject} found {found}")
    sentence = (
        f"{len(polls)} polls found papers in {len(attempts)} attempts, each a task; {len(again)} were made again, of "
        f"the {len(in_flight)} in flight."
    )
    return Finding(sentence, problems)


def check_signatures(evidence: Evidence) -> Finding:
    """Each signature ended the wait for it, and the other waits timed out, none early."""
    orders = evidence.orders_with(SIGNATURE)
    signed = [order.number for order in orders if signer_of(order.number) is not Signer.NOBODY]
    outputs = _outputs(evidence.database, "bring")
    problems = _wrong_orders("delivery", [order.number for order in orders], outputs)
    for order in orders:
        expected = f"signed-{order.number}" if order.number in signed else None
        result = outputs.get(order.number, {"event": "no result"})["event"]
        if result != expected:
            problems.append(f"{order.subject} was ended by {result} instead of {expected}")
    problems += differences(
        "event", [f"signed-{number}" for number in signed], [id for id, _ in evidence.database.events if "signed" in id]
    )
    waits = [task for task in evidence.database.tasks if task.operation == "wait_for_event"]
    early = [task for task in waits if task.status == "ERRORED" and _seconds(task) < PATIENCE]
    problems += [f"the wait of run {task.run_no} timed out after {_seconds(task):.3f} s" for task in early]
    sentence = (
        f"{len(signed)} parcels were signed for, {len(orders) - len(signed)} not within {PATIENCE:.0f} s; "
        f"{evidence.killed.count_open('bring')} waited at the kill. Each wait ended as it should."
    )
    return Finding(sentence, problems)


def check_statuses(evidence: Evidence) -> Finding:
    """Each run of an errand showed what it should, in the right order, each change once."""
    expected = [status for order in evidence.orders for status in expected_statuses(order)]
    problems = differences("status", map(_shown, expected), map(_shown, evidence.database.statuses))
    states = sum(len(status.shown) for status in expected)
    return Finding(f"{len(expected)} runs showed {states} states of a status, each once and in its turn.", problems)


def check_secrets(evidence: Evidence) -> Finding:
    """No secret is in clear in any file of the shop."""
    problems = [f"{what} is in {file}" for file, what in evidence.leaks]
    tokens = len({one.webhook for one in evidence.asked})
    sentence = f"The token for the customs office, and {tokens} of callback URLs, are in no file of the shop."
    return Finding(sentence, problems)


ERRAND_CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    check_pictures,
    check_applications,
    check_looks,
    check_signatures,
    check_statuses,
    check_secrets,
)


def _outputs(database: Database, job: str) -> dict[int, Any]:
    """The outputs of a job's runs, by order."""
    outputs = [json.loads(run.output or "null") for run in database.runs_of(job)]
    return {output["order"]: output for output in outputs if output is not None}


def _wrong_orders(what: str, expected: list[int], outputs: dict[int, Any]) -> list[str]:
    return differences(f"{what} of", map("order {}".format, expected), map("order {}".format, outputs))


def _too_often(asked_for: Counter[str], cut: set[str]) -> list[str]:
    return [task for task, count in asked_for.items() if count > (2 if task in cut else 1)]


def _seconds(task: TaskRow) -> float:
    assert task.completed_at is not None
    return (task.completed_at - task.started_at) / 1000


def _shown(status: StatusRow) -> str:
    return f"{status.key} of {status.order}: " + ", ".join(f"{label} ({state})" for label, state in status.shown)
