"""Settings of a node: the environment variables ``PERDURE_*``, then defaults."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct, ValidationError, convert
from msgspec.structs import replace

from perdure.errors import InvalidArgumentError
from perdure.protocol.egress import EgressRule, parse_egress_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_DATABASE_URL = "sqlite:///.perdure/perdure.db"
MAX_THREADS = 64


class RateLimit(Struct, frozen=True):
    """How many requests are answered: so many a second, and so many at once after a pause."""

    per_second: float
    burst: int


class Settings(Struct, frozen=True, kw_only=True):
    """How a node runs.

    Attributes:
        database_url: Where everything is stored; ``sqlite://`` is in memory.
        public_url: The origin of every URL that is handed out to others, such as ``https://example.com/perdure``;
            ``None``: a loopback port of the node's own.
        environment: The slug of the environment an embedded node works for: ``dev``, ``stg``, ``prod`` or ``prev``.
        max_executions: How many executions a node has at work at once.
        concurrency_limit: How many executions each environment has at work at once, on all nodes together; ``None``:
            any number.
        max_threads: How many jobs that are plain functions are executed at once, each in a thread.
        claim_batch: How many runs are claimed in one transaction.
        timer_batch: How many due timers are acted on in one transaction.
        lease_ttl: For how long a node's claim on its executions is trusted without renewal.
        lease_renewal: How often that claim is renewed while executions are at work.
        sweep_interval: How often a service looks at the database when nobody has told it to.
        fruitless_limit: How many executions in a row may complete no task before the run is TIMED_OUT.
        max_run_duration: For how long a run may be executed in all, waits left out; ``None``: without limit.
        quarantine_after: How many executions in a row may end with the death of their process, and complete no task,
            before the run is a FAILURE.
        retention: How long runs that have ended, and events, are kept; ``None``: for ever.
        egress_allow: Closed addresses that requests on behalf of jobs may go to all the same.
        egress_ports: The only ports that such requests may go to, ``egress_allow`` aside; none given: all.
        max_fetches: How many requests on behalf of jobs are under way at once; further ones wait for their turn.
        max_connections: How many connections such requests have open at once.
        max_connections_per_host: How many of them to one host and port.
        clock_offset: How far the node's clock is ahead of the machine's; for demonstrations and tests.
        max_schedules: How many registrations with dynamic schedules an environment may have.
        rate_limit: How many requests of one key are answered; ``None``: all.
        receiving_rate_limit: How many requests of anybody one HTTP endpoint or source takes; ``None``: all.
        require_signatures: Whether a server shows no app its key, and an app takes signed requests only.
        blocked_loop_after: After how long an event loop that gives no sign of life is told of; ``None``: never.
    """

    database_url: str = DEFAULT_DATABASE_URL
    public_url: str | None = None
    environment: str = "dev"
    max_executions: int = 1000
    concurrency_limit: int | None = None
    max_threads: int = MAX_THREADS
    claim_batch: int = 200
    timer_batch: int = 500
    lease_ttl: timedelta = timedelta(seconds=10)
    lease_renewal: timedelta = timedelta(seconds=3)
    sweep_interval: timedelta = timedelta(seconds=1)
    fruitless_limit: int = 250
    max_run_duration: timedelta | None = None
    quarantine_after: int = 5
    retention: timedelta | None = timedelta(days=30)
    egress_allow: tuple[EgressRule, ...] = ()
    egress_ports: tuple[int, ...] = ()
    max_fetches: int = 1000
    max_connections: int = 2000
    max_connections_per_host: int = 1000
    clock_offset: timedelta = timedelta()
    max_schedules: int = 100
    rate_limit: RateLimit | None = None
    receiving_rate_limit: RateLimit | None = None
    require_signatures: bool = False
    blocked_loop_after: timedelta | None = timedelta(seconds=1)


VARIABLES: Final = {
    "PERDURE_DATABASE_URL": "database_url",
    "PERDURE_PUBLIC_URL": "public_url",
    "PERDURE_ENVIRONMENT": "environment",
    "PERDURE_MAX_EXECUTIONS": "max_executions",
    "PERDURE_MAX_FETCHES": "max_fetches",
    "PERDURE_MAX_CONNECTIONS": "max_connections",
    "PERDURE_MAX_CONNECTIONS_PER_HOST": "max_connections_per_host",
    "PERDURE_MAX_SCHEDULES": "max_schedules",
    "PERDURE_QUARANTINE_AFTER": "quarantine_after",
    "PERDURE_CONCURRENCY_LIMIT": "concurrency_limit",
    "PERDURE_CLOCK_OFFSET": "clock_offset",
    "PERDURE_MAX_THREADS": "max_threads",
    "PERDURE_BLOCKED_LOOP_SECONDS": "blocked_loop_after",
    "PERDURE_REQUIRE_SIGNATURES": "require_signatures",
}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_TIME = timedelta(days=36525)
_LARGEST_OFFSET = timedelta(days=3653)
_BLOCKED_LOOP = (timedelta(milliseconds=50), timedelta(hours=1))
_AT_LEAST_ONE = (
    "max_executions",
    "quarantine_after",
    "max_threads",
    "concurrency_limit",
    "max_fetches",
    "max_connections",
    "max_connections_per_host",
    "max_schedules",
)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process.

    Args:
        environ: The environment variables; ``None``: those of the process.

    Raises:
        InvalidArgumentError: A variable has a value of the wrong kind.
    """
    source = os.environ if environ is None else environ
    given = {field: source[variable] for variable, field in VARIABLES.items() if source.get(variable)}
    try:
        settings = convert(given, Settings, strict=False)
    except ValidationError as error:
        wrong = next((name for name, field in VARIABLES.items() if str(error).endswith(f"`$.{field}`")), "PERDURE_*")
        raise InvalidArgumentError(f"The environment variable {wrong} has a wrong value: {error}.") from error
    for variable, field in VARIABLES.items():
        number = getattr(settings, field)
        if field in _AT_LEAST_ONE and number is not None and number < 1:
            raise InvalidArgumentError(f"{variable} must be at least 1.")
    if re.fullmatch("[a-z]{1,20}", settings.environment) is None:
        raise InvalidArgumentError(
            f"PERDURE_ENVIRONMENT is the name of an environment, 1 to 20 letters from a to z, not "
            f"{settings.environment!r:.60}."
        )
    if abs(settings.clock_offset) > _LARGEST_OFFSET:
        raise InvalidArgumentError("PERDURE_CLOCK_OFFSET is in seconds, and at most ten years.")
    return replace(
        settings,
        egress_allow=_parse_rules(source.get("PERDURE_EGRESS_ALLOW", "")),
        egress_ports=_parse_ports(source.get("PERDURE_EGRESS_PORTS", "")),
        rate_limit=_parse_rate(source, "PERDURE_RATE_LIMIT"),
        receiving_rate_limit=_parse_rate(source, "PERDURE_RECEIVING_RATE_LIMIT"),
        retention=_parse_time(source, "PERDURE_RETENTION", Settings().retention),
        max_run_duration=_parse_time(source, "PERDURE_MAX_RUN_DURATION", None),
        blocked_loop_after=_check_blocked_loop(settings.blocked_loop_after),
    )


def _check_blocked_loop(limit: timedelta | None) -> timedelta | None:
    if not limit:
        return None
    least, most = _BLOCKED_LOOP
    if not least <= limit <= most:
        raise InvalidArgumentError("PERDURE_BLOCKED_LOOP_SECONDS is 0.05 to 3600 seconds, or 0: never.")
    return limit


def _parse_time(source: Mapping[str, str], variable: str, default: timedelta | None) -> timedelta | None:
    text = source.get(variable, "").strip()
    if not text:
        return default
    if text in ("forever", "0"):
        return None
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    if found is None or int(found[1]) == 0:
        raise InvalidArgumentError(
            f"{variable} is a time such as 30d, 12h, 90m or 3600 (seconds), or forever; it is not {text!r:.60}."
        )
    return min(timedelta(seconds=int(found[1]) * _SECONDS[found[2]]), _LONGEST_TIME)


def _parse_rate(source: Mapping[str, str], variable: str) -> RateLimit | None:
    text = source.get(variable, "").strip()
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,7}(?:\.\d{1,6})?)/(\d{1,7})", text)
    if found is None or float(found[1]) == 0 or int(found[2]) == 0:
        raise InvalidArgumentError(
            f"{variable} is requests a second and requests at once, such as 25/750; it is not {text!r:.60}."
        )
    return RateLimit(float(found[1]), int(found[2]))


def _parse_rules(text: str) -> tuple[EgressRule, ...]:
    try:
        return parse_egress_rules(text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"PERDURE_EGRESS_ALLOW has a wrong value: {error}") from error


def _parse_ports(text: str) -> tuple[int, ...]:
    ports = [port.strip() for port in text.split(",") if port.strip()]
    if not all(port.isdecimal() and 0 < int(port) <= 65535 for port in ports):
        raise InvalidArgumentError(f"PERDURE_EGRESS_PORTS is a list of ports such as 443,8443, not {text!r}.")
    return tuple(int(port) for port in ports)
