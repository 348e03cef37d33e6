"""The count: everything perdure promises of this demonstration, held against evidence that it did not make itself."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from demo.errand_checks import ERRAND_CHECKS
from demo.finding import Finding, differences
from demo.jobs import ORDER_PACKED
from demo.night import DAY, ZONE, midnight_after
from demo.orders import ORDER_PLACED
from demo.plans import expected_bodies, expected_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.database import Database, TaskRow
    from demo.evidence import Evidence


def examine(evidence: Evidence) -> list[Finding]:
    """Make every check."""
    return [check(evidence) for check in CHECKS]


def check_orders(evidence: Evidence) -> Finding:
    """Every acknowledged order is there, and is one run, however often it was sent."""
    expected = [f"order-{order.number}" for order in evidence.orders]
    first, last = ({event for event in events if event.startswith("order-")} for events in evidence.acknowledged)
    problems = differences("event", expected, _events(evidence.database, ORDER_PLACED))
    problems += differences("run of event", expected, _started_by(evidence.database, "process-order"))
    problems += differences("acknowledgement of", expected, first | last)
    lost = first.difference(_events(evidence.killed, ORDER_PLACED))
    problems += [f"{event} was acknowledged, and not on disk after the kill" for event in sorted(lost)]
    sentence = (
        f"{len(expected)} orders are acknowledged, {len(first & last)} of them twice; each is one event with one run."
    )
    return Finding(sentence, problems)


def check_shipping(evidence: Evidence) -> Finding:
    """Each order is shipped once."""
    expected = [f"packed-{order.number}" for order in evidence.orders]
    problems = differences("event", expected, _events(evidence.database, ORDER_PACKED))
    problems += differences("run of event", expected, _started_by(evidence.database, "ship-order"))
    return Finding(f"{len(expected)} packed orders sent an event; each has exactly one shipping run.", problems)


def check_ends(evidence: Evidence) -> Finding:
    """Nothing is left to do, and the kill did hit something."""
    database = evidence.database
    problems = [f"the run of {run.event} is {run.status}" for run in database.runs if run.status != "SUCCESS"]
    if database.timers:
        problems.append(f"{database.timers} timers are left")
    if not evidence.killed.open_runs:
        problems.append("the kill came when no run was under way")
    under_way = len(evidence.killed.open_runs)
    sentence = f"{len(database.runs)} runs have ended well, among them the {under_way} that were under way at the kill."
    return Finding(sentence, problems)


def check_results(evidence: Evidence) -> Finding:
    """Each task has one result, and none that was recorded before the kill has changed."""
    expected = [f"{name} of {order.subject}" for order in evidence.orders for name in expected_tasks(order)]
    expected.append(f"close the books of {DAY}")
    order_of = _order_of(evidence.database)
    results, before = evidence.database.results, evidence.killed.results
    counted = [task for task in results if task.operation != "callback"]
    problems = differences("result of", expected, [f"{task.name} of {order_of(task)}" for task in counted])
    problems += [
        f"the result of {task.name} in run {task.run_no} has changed"
        for task in sorted(set(before).difference(results))
    ]
    sentence = (
        f"{len(results):,} tasks have a result, one each; the {len(before):,} from before the kill are unchanged."
    )
    return Finding(sentence, problems)


def check_bodies(evidence: Evidence) -> Finding:
    """Each body ran, and only those ran twice that were in flight when the process was killed."""
    runs = Counter((body.key, body.attempt) for body in evidence.bodies)
    names = {body.key: f"{body.body} of {body.subject}" for body in evidence.bodies}
    first = {(body.key, body.attempt) for body in evidence.bodies if body.process == evidence.bodies[0].process}
    in_flight = first - evidence.killed.recorded_attempts
    expected = [f"{name} of {order.subject}" for order in evidence.orders for name in expected_bodies(order)]
    expected.append(f"close the books of {DAY}")
    problems = differences("attempt at", expected, [names[key] for key, _ in runs])
    keys = {task.key for task in _bodies_of(evidence.database)}
    problems += [f"{names[key]} ran, and is no task" for key, _ in runs if key not in keys]
    again = {attempt for attempt, count in runs.items() if count > 1}
    problems += [f"{names[key]} ran again, and was not in flight" for key, _ in sorted(again - in_flight)]
    problems += [f"{names[key]} ran {count} times" for (key, _), count in runs.items() if count > 2]
    sentence = (
        f"{len(names):,} task bodies ran, in {len(runs):,} attempts; "
        f"{len(again)} ran twice, of the {len(in_flight)} in flight at the kill."
    )
    return Finding(sentence, problems)


def check_retries(evidence: Evidence) -> Finding:
    """Each declined card was tried a second time, and no other."""
    expected = [order.subject for order in evidence.orders if order.is_declined_at_first]
    order_of = _order_of(evidence.database)
    tasks = {task.key: task for task in evidence.database.tasks}
    failed = [tasks[key] for key, _ in evidence.database.failed_attempts]
    found = [order_of(task) for task in failed if task.operation == "run_task"]
    return Finding(
        f"{len(expected)} cards were declined once, and charged at the second attempt.",
        differences("failed attempt at", expected, found),
    )


def check_totals(evidence: Evidence) -> Finding:
    """The customers paid what the order book says, each once."""
    expected = {order.number: (order.total, sum(item.pieces for item in order.items)) for order in evidence.orders}
    receipts = [json.loads(run.output or "null") for run in evidence.database.runs_of("process-order")]
    found = {receipt["order"]: (receipt["paid"], receipt["pieces"]) for receipt in receipts if receipt is not None}
    problems = [
        f"order {number} has {found.get(number)} for {what} on its receipt"
        for number, what in expected.items()
        if found.get(number) != what
    ]
    total = sum(order.total for order in evidence.orders)
    charged = sum({body.key: body.cents for body in evidence.bodies if body.body == "charge"}.values())
    if charged != total:
        problems.append(f"{_money(charged)} was charged, by the bank's idempotency keys")
    return Finding(f"{_money(total)} is on the receipts, and was charged: the total of the order book.", problems)


def check_log_lines(evidence: Evidence) -> Finding:
    """Each line of the runs' logs is there once."""
    expected = [order.subject for order in evidence.orders for _ in range(2)]
    order_of = _order_of(evidence.database)
    found = [order_of(task) for task in evidence.database.tasks if task.operation == "log"]
    return Finding(
        f"{len(found)} log lines were written, two for each order, none of them again.",
        differences("log line of", expected, found),
    )


def check_night(evidence: Evidence) -> Finding:
    """The books were closed once, at midnight and not before, and will be the next night."""
    night = evidence.night
    ticks = [json.loads(run.output or "null") for run in evidence.database.runs_of("close-books")]
    closed = [datetime.fromisoformat(tick).isoformat() for tick in ticks if tick is not None]
    problems = differences("closing of the books for", [night.midnight.isoformat()], closed)
    begun = [body.at + night.clock_offset - night.midnight.timestamp() for body in evidence.bodies if body.at]
    problems += [f"the closing of the books began {-late:.3f} s before midnight" for late in begun if late < 0]
    following = midnight_after(night.midnight)
    if evidence.database.next_ticks != [following.timestamp() * 1000]:
        problems.append(f"the next ticks are {evidence.database.next_ticks}, not {following.isoformat()}")
    late = f"{min(begun) * 1000:.0f} ms after it" if begun else "never"
    sentence = f"The books were closed once, at midnight in {ZONE}: begun {late}, by the body's own log."
    return Finding(sentence, problems)


def check_databases(evidence: Evidence) -> Finding:
    """SQLite finds nothing wrong with the database, after the kill and in the end."""
    problems = [
        f"SQLite says of the database {when}: {database.integrity}"
        for when, database in (("after the kill", evidence.killed), ("in the end", evidence.database))
        if database.integrity != "ok"
    ]
    return Finding("SQLite's integrity check is ok, of the killed database and of the last.", problems)


CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    check_orders,
    check_shipping,
    check_ends,
    check_results,
    check_bodies,
    check_retries,
    check_totals,
    check_log_lines,
    *ERRAND_CHECKS,
    check_night,
    check_databases,
)


def _events(database: Database, name: str) -> list[str]:
    return [event for event, its_name in database.events if its_name == name]


def _started_by(database: Database, job: str) -> list[str]:
    return [run.event for run in database.runs_of(job)]


def _order_of(database: Database) -> Callable[[TaskRow], str]:
    """Make a function that names the order a task is for."""
    subjects = {run.run_no: run.subject for run in database.runs}
    return lambda task: subjects.get(task.run_no, f"run {task.run_no}, which is lost")


def _bodies_of(database: Database) -> list[TaskRow]:
    return [task for task in database.tasks if task.operation == "run_task"]


def _money(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02}"
