from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.adapters.work import UNATTENDED_SECONDS
from perdure.api.app import HEADERS_LIMIT
from perdure.api.app import URL_LIMIT as NODE_URL_LIMIT
from perdure.api.calls import BODY_LIMIT
from perdure.api.runs import LONGEST_WAIT
from perdure.api.streams import HEARTBEAT_SECONDS, MOST_STREAMS, STALLED_SECONDS
from perdure.api.v2.sending import MOST_NAMES
from perdure.api.v2.tasks import BODY_LIMIT as V2_BODY_LIMIT
from perdure.config.settings import Settings
from perdure.engine.absences import PAUSE as ABSENCE_PAUSE
from perdure.engine.administration import LONGEST_OVERLAP, MOST_KEYS
from perdure.engine.attempts import MAX_BEGUN
from perdure.engine.cancellations import CANCEL_BATCH
from perdure.engine.claims import PACE
from perdure.engine.connections import CREDENTIAL_LIMIT
from perdure.engine.deliveries import ATTEMPTS, delay_after
from perdure.engine.event_waits import BATCH
from perdure.engine.fetches import NO_ANSWER_RETRY
from perdure.engine.following import PAUSE_SECONDS
from perdure.engine.handovers import ATTEMPTS as HANDOVER_ATTEMPTS
from perdure.engine.lists import MAX_PAGE
from perdure.engine.names import WANTED_LIMIT
from perdure.engine.polls import KEPT_ATTEMPTS, KEPT_BODY
from perdure.engine.posts import POST_SECONDS
from perdure.engine.requeues import MAX_YIELDS, back_off
from perdure.engine.retention import MOST_ROWS
from perdure.engine.rounds import AT_ONCE, LONGEST
from perdure.engine.schedules import BATCH as SCHEDULES_AT_ONCE
from perdure.engine.services.retention import PASS_INTERVAL
from perdure.engine.source_registration import LONGEST_KEY
from perdure.engine.tenancy import MOST as MOST_ENVIRONMENTS
from perdure.engine.verdicts import ERROR_BODY_LIMIT
from perdure.engine.watches import MOST_CHANGED
from perdure.protocol.event_filter import MAX_FILTER_CONDITIONS, MAX_FILTER_DEPTH
from perdure.protocol.guarded_json import MAX_NUMBER_LENGTH
from perdure.protocol.json_text import MAX_DEPTH, MAX_DIGITS, MAX_NODES
from perdure.protocol.limits import (
    BATCH_LIMIT,
    BATCH_PAYLOAD_LIMIT,
    CRON_LIMIT,
    CRON_STEPS,
    EVENT_BATCH,
    HISTORY_BYTES,
    HISTORY_LIMIT,
    ID_LIMIT,
    INTERVAL_LIMITS,
    KEY_LIMIT,
    LONGEST_DELAY,
    NAME_LIMIT,
    PAYLOAD_LIMIT,
    REQUEST_LIMIT,
    RESULTS_LIMIT,
    SCHEDULE_METADATA_LIMIT,
    STATUS_DATA_LIMIT,
    STATUS_LIMIT,
    TICK_YEARS,
    VALUE_LIMIT,
)
from perdure.protocol.limits import REQUEST_BODY_LIMIT as HTTP_BODY_LIMIT
from perdure.protocol.messages.delivery import CARRIED_LIMIT
from perdure.protocol.operation_bounds import (
    LONGEST_FETCH,
    LONGEST_INTERVAL,
    LONGEST_POLL,
    LONGEST_POLL_REQUEST,
    SHORTEST_INTERVAL,
    SHORTEST_TIMEOUT,
)
from perdure.protocol.outbound import REDIRECT_LIMIT, REQUEST_BODY_LIMIT, REQUEST_HEADERS_LIMIT, RESPONSE_HEADERS_LIMIT
from perdure.protocol.retry_strategies import ATTEMPT_LIMIT, LONGEST_RESET, STRATEGY_LIMIT
from perdure.protocol.signing import TOLERANCE_SECONDS
from perdure.protocol.web_url import URL_LIMIT
from perdure.sdk.durations import MAX_SECONDS
from perdure.sdk.host import ITEM_THREADS
from perdure.sdk.http_responses import RESPONSE_LIMIT, RESPONSE_SECONDS
from perdure.sdk.leftovers import HELD_LIMIT, HELD_SECONDS
from perdure.sdk.log_lines import MOST_CHARACTERS, MOST_WAITING
from perdure.sdk.notifications import KEPT_LIMIT
from perdure.sdk.parking import QUIET_SECONDS
from perdure.sdk.plain_codec import OUTPUT_LIMIT
from perdure.sdk.program import PATIENCE
from perdure.sdk.unwinding import SWALLOWED_LIMIT
from perdure.server.http_protocol import HEADER_SECONDS
from perdure.storage.sizes import MOST_BYTES
from perdure.storage.stretches import LOOK
from perdure.transport.app_link import KEYS_TRIED
from perdure.transport.batch_requests import KEEP_SECONDS
from perdure.transport.body import RATIO_FLOOR, RATIO_LIMIT
from perdure.transport.exchange import LARGE, LARGE_BODIES
from perdure.transport.handler import WIRE_LIMIT
from perdure.transport.outbox import ROOM, ROOM_BYTES
from perdure.transport.seen_requests import MOST_SEEN
from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "limits.md"
LIMITS = {row[0]: row[1] for row in table_rows(PAGE)}

IN_FORCE = {
    "cron expression": f"{CRON_LIMIT} characters",
    "id of a dynamic schedule": f"1 to {KEY_LIMIT} bytes",
    "options of an external source": f"{WANTED_LIMIT // 1024} KiB",
    "params of an external source": f"{CARRIED_LIMIT // 1024} KiB",
    "metadata of a schedule": f"{SCHEDULE_METADATA_LIMIT // 1024} KiB",
    "schedules registered with dynamic schedules": f"{Settings().max_schedules} (",
    "schedules, or runs that they start": f"{SCHEDULES_AT_ONCE}, {Settings().timer_batch};",
    "environments of a server": f"{MOST_ENVIRONMENTS}, {MOST_KEYS:,}",
    "keys of its environment": f"{KEYS_TRIED}",
    "signed requests that an app or a server remembers": f"{MOST_SEEN:,}",
    "how far the time of a signed request": f"{TOLERANCE_SECONDS} s",
    "how long a key stays valid": f"at most {LONGEST_OVERLAP // timedelta(hours=1)} h",
    "dates and months looked at": f"{CRON_STEPS:,}",
    "seconds between two ticks": f"{INTERVAL_LIMITS[0]} to {INTERVAL_LIMITS[1]:,} (",
    "time within which a new cron must fire": f"{TICK_YEARS} years",
    "payload of an event": f"{PAYLOAD_LIMIT // 1024} KiB",
    "output of a task": f"{OUTPUT_LIMIT // 1024**2} MiB",
    "nesting of JSON": f"{MAX_DEPTH} arrays and objects",
    "values in one JSON text": f"{MAX_NODES:,}",
    "digits of one number": f"{MAX_NUMBER_LENGTH} characters",
    "digits of a number that a job gives": f"{MAX_DIGITS:,}",
    "name of an event": f"1 to {NAME_LIMIT} characters",
    "id of an event": f"1 to {ID_LIMIT:,} characters",
    "stored value": f"{VALUE_LIMIT // 1024} KiB",
    "name of a stored value": f"1 to {KEY_LIMIT} bytes",
    "data of a status": f"{STATUS_DATA_LIMIT // 1024} KiB",
    "label of a status": f"1 to {NAME_LIMIT} characters",
    "statuses of a run": f"{STATUS_LIMIT:,}",
    "earlier states that a status keeps": f"{HISTORY_LIMIT}, as far as they have {HISTORY_BYTES // 1024} KiB",
    "credential of an integration": f"{CREDENTIAL_LIMIT // 1024} KiB",
    "event filter": f"nested {MAX_FILTER_DEPTH} deep, {MAX_FILTER_CONDITIONS} conditions",
    "body of a request to the [API]": f"{BODY_LIMIT // 1024**2} MiB; {V2_BODY_LIMIT // 1024**2} MiB",
    "body of a request to an HTTP endpoint": f"{HTTP_BODY_LIMIT // 1024**2} MiB; {REQUEST_LIMIT // 1024**2} MiB",
    "names of the events that a task of an app elsewhere waits for": f"{MOST_NAMES}",
    "attempts to hand a request of a source": f"{HANDOVER_ATTEMPTS}",
    "requests that a node hands over at once": f"{AT_ONCE}",
    "key of a registration with a dynamic trigger": f"1 to {LONGEST_KEY} characters",
    "how long a handler of `respond_with` may take": f"{RESPONSE_SECONDS:.0f} s",
    "body of what `respond_with` answers": f"{RESPONSE_LIMIT // 1024**2} MiB",
    "headers of a request to a node": f"{HEADERS_LIMIT // 1024} KiB",
    "URL of a request to a node": f"{NODE_URL_LIMIT // 1024} KiB",
    "entries in one page": f"{MAX_PAGE}",
    "what the runs, events or tasks of one page": f"{MOST_BYTES // 1024**2} MiB",
    "rows that are looked at for one page": f"{LOOK:,}",
    "streams of changes": f"{MOST_STREAMS}",
    "changed runs that are kept": f"{MOST_CHANGED:,}",
    "how long a request for the end": f"at most {LONGEST_WAIT} s",
    "how often a stream": f"every {HEARTBEAT_SECONDS:.0f} s",
    "how long the reader of a stream": f"{STALLED_SECONDS:.0f} s",
    "pause between two looks": f"{PAUSE_SECONDS * 1000:.0f} ms",
    "waits that one event ends": f"{BATCH:,}",
    "how long a request to a node's own port": f"{HEADER_SECONDS:.0f} s",
    "events in one `send_events`": f"{EVENT_BATCH:,}",
    "longest `deliver_after`": f"{LONGEST_DELAY // 86400} days",
    "rows that [retention]": f"about {MOST_ROWS}",
    "how long runs that have ended": f"{(Settings().retention or timedelta()).days} days",
    "longest time after that until they are deleted": f"{PASS_INTERVAL // timedelta(hours=1)} h",
    "runs cancelled in one transaction": f"{CANCEL_BATCH}",
    "runs in one page": f"{MAX_PAGE}",
    "tasks in one page": f"{MAX_PAGE}",
    "executions of a run that complete no task": f"{Settings().fruitless_limit}",
    "executions of a run that end with the death": f"{Settings().quarantine_after}",
    "calls on `io` after an interrupt": f"{SWALLOWED_LIMIT:,}",
    "plain jobs that a node executes at once": f"{Settings().max_threads} each",
    "lines of one run from": f"{MOST_WAITING}, of {MOST_CHARACTERS // 1024**2} MiB",
    "threads for plain items": f"{ITEM_THREADS * Settings().max_threads}",
    "how long an app behind HTTP, or a worker, keeps": f"{UNATTENDED_SECONDS:.0f} s",
    "what an app behind HTTP, or a worker, has to store": f"{ROOM:,} tasks, {ROOM_BYTES // 1024**2} MiB",
    "how long a run waits for a thread": f"{PATIENCE:.0f} s",
    "keys that a run has yielded": f"{MAX_YIELDS}",
    "longest duration that a call takes": f"{MAX_SECONDS:,} s",
    "payloads and contexts of one `batch_invoke_and_wait`": f"{BATCH_PAYLOAD_LIMIT // 1024**2} MiB",
    "what the runs of one `batch_invoke_and_wait`": f"{RESULTS_LIMIT // 1024**2} MiB",
    "results that an `InvokedRunFailedError` keeps": f"{KEPT_LIMIT // 1024} KiB",
    "runs of one `batch_invoke_and_wait`": f"{BATCH_LIMIT:,}",
    "attempts to tell of a run's end": f"{ATTEMPTS}",
    "ends of runs that a node tells at once": f"{AT_ONCE}",
    "how long a hook may take": f"{LONGEST.total_seconds() / 60:.0f} min",
    "how long the receiver of a callback": f"{POST_SECONDS:.0f} s",
    "longest time between two attempts to tell": f"{delay_after(ATTEMPTS).total_seconds():,.0f} s",
    "how long a branch that awaits something other": f"{QUIET_SECONDS * 1000:.0f} ms",
    "body of a request that a job has made": f"{REQUEST_BODY_LIMIT // 1024**2} MiB",
    "headers of such a request": f"{REQUEST_HEADERS_LIMIT // 1024} KiB, {RESPONSE_HEADERS_LIMIT // 1024} KiB",
    "URL of such a request": f"{URL_LIMIT // 1024} KiB",
    "how much larger than as sent": f"{RATIO_LIMIT} times",
    "what is transferred for one answer": f"{WIRE_LIMIT // 1024**2} MiB",
    "connections for such requests": f"{Settings().max_connections:,}, {Settings().max_connections_per_host:,} (",
    "bodies of answers larger than": f"{LARGE_BODIES}",
    "body of a failed answer": f"{ERROR_BODY_LIMIT // 1024} KiB",
    "body of an answer that is kept": f"{KEPT_BODY // 1024} KiB",
    "status patterns of a fetch": f"{STRATEGY_LIMIT}",
    "attempts of a fetch that a reset header": f"{ATTEMPT_LIMIT}",
    "attempts of a fetch that gets no answer": f"{NO_ANSWER_RETRY.limit}",
    "beginnings of one request": f"{MAX_BEGUN}",
    "attempts of a poll that are kept": f"the last {KEPT_ATTEMPTS}",
    "redirects of a request": f"{REDIRECT_LIMIT}",
    "requests on behalf of jobs": f"{Settings().max_fetches:,}",
    "timeout of a fetch": f"{SHORTEST_TIMEOUT:g} to {LONGEST_FETCH:g} s",
    "interval of a poll": f"{SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g} s; {SHORTEST_TIMEOUT:g} s to "
    f"{LONGEST_POLL / 86400:g} days; {SHORTEST_TIMEOUT:g} to {LONGEST_POLL_REQUEST:g} s",
    "how far away the time in a reset header": f"{LONGEST_RESET.days} days",
    "longest time between two tries": f"{back_off(1000).total_seconds():.0f} s; with more than "
    f"{back_off(1000) // PACE:,} of them longer, as {timedelta(seconds=1) // PACE} are",
    "how long an app that nobody answers for": f"{ABSENCE_PAUSE.total_seconds():.0f} s",
}


@pytest.mark.parametrize("what", IN_FORCE)
def test_the_page_of_limits_gives_the_number_in_force(what: str) -> None:
    (limit,) = [limit for name, limit in LIMITS.items() if name.startswith(what)]
    assert limit.startswith(IN_FORCE[what])


def test_results_are_kept_for_as_long_as_executions() -> None:
    assert KEEP_SECONDS == UNATTENDED_SECONDS


def test_the_page_of_limits_says_from_which_size_on_a_body_is_large() -> None:
    for limit, what in ((RATIO_FLOOR, "how much larger than as sent"), (LARGE, "bodies of answers larger than")):
        (name,) = [name for name in LIMITS if name.startswith(what)]
        assert f" {limit // 1024} KiB" in name


def test_the_page_of_limits_says_how_many_suspended_functions_are_kept() -> None:
    sentence = f"at most {HELD_LIMIT:,} of them, each for at most {HELD_SECONDS:.0f} s"
    assert sentence in " ".join(PAGE.read_text(encoding="utf-8").split())
