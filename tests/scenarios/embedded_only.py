"""Scenarios that are not for a server, with the reasons: what follows from how apps and servers know each other."""

from __future__ import annotations

INSIDE = "replaces a part of the node, which is elsewhere"
OWN_NODES = "is about nodes in threads and on event loops of the app's own process"
KILLS = "kills the node together with its jobs, at a point of their code; tests/adapters/test_kills.py kills either"
MOVED_CLOCK = "moves the node's clock by hand, which perdure.testing does with a node in its process"
OWN_SETTING = "is about a setting of an embedded node; everything here runs with it, or without it"
NOT_STARTED = "a client of a server is never started: it may declare what it likes at any time"
NOT_STOPPED = "a client of a server does not stop with it: whoever asks it waits until the server is there again"
V2_WORDS = "a job that starts a run by the v2 protocol is told in its words that there is no such job"
TYPED = "the path and the query of a URL are text, and have no types"
NO_PART = "a path without one of its parts is another path"
ASKED = "an app behind HTTP that is declared wrongly is found out when the server asks it; a worker refuses to begin"
WITHOUT = "a server takes an app in without a schedule that cannot be, and says so; tests/engine/test_registration.py"
BEFORE_INDEX = "a server may act by what an app declared last, until the app has registered anew"

REASONS: dict[tuple[str, str | None], str] = {
    ("test_background_node", None): OWN_NODES,
    ("test_bad_input", "test_a_size_of_a_page_that_is_text_is_refused"): TYPED,
    ("test_crashes_everywhere", None): KILLS,
    ("test_examples", None): MOVED_CLOCK,
    ("test_forced_replay", None): OWN_SETTING,
    ("test_hooks", "test_a_client_that_is_started_takes_no_hooks"): NOT_STARTED,
    ("test_http_endpoints", "test_an_endpoint_is_defined_before_its_client_is_started"): NOT_STARTED,
    ("test_invoking", "test_a_client_is_started_once_at_a_time_and_again_afterwards"): NOT_STARTED,
    ("test_invoking", "test_calls_of_a_client_that_is_not_started_say_so"): NOT_STARTED,
    ("test_invoking", "test_a_job_that_invokes_an_unknown_one_is_told_the_nearest_name"): V2_WORDS,
    ("test_kept_runs", "test_a_result_that_cannot_be_stored_is_made_again"): INSIDE,
    ("test_long_schedules", None): MOVED_CLOCK,
    ("test_long_waits", None): MOVED_CLOCK,
    ("test_missing_code", "test_a_job_cannot_be_added_to_a_client_that_is_started"): NOT_STARTED,
    ("test_random_crashes", None): KILLS,
    (
        "test_result_types",
        "test_the_annotation_of_a_job_that_cannot_be_resolved_is_refused_before_its_tasks_run",
    ): ASKED,
    ("test_schedules", "test_an_app_with_a_cron_that_fires_too_seldom_does_not_start"): WITHOUT,
    ("test_schedules", "test_a_job_without_its_schedule_any_more_is_not_started"): BEFORE_INDEX,
    ("test_registering_schedules", "test_a_schedule_that_is_defined_twice_is_one"): NOT_STARTED,
    ("test_statuses", "test_the_statuses_of_a_run_without_an_id_are_not_found"): NO_PART,
    ("test_stopped_nodes", None): NOT_STOPPED,
}
"""By file and test; a file without a test stands for all of its tests."""


def reason_of(file: str, test: str, *, is_worker: bool) -> str | None:
    """Say why a test is not for a server; ``None``: it is.

    Args:
        file: The path of its file below the scenarios, without the ending.
        test: Its name.
        is_worker: Whether jobs are executed in workers.
    """
    reason = REASONS.get((file, test), REASONS.get((file, None)))
    return None if is_worker and reason == ASKED else reason
