"""Scenarios that are not for a server, with the reasons: what follows from how apps and servers know each other."""

from __future__ import annotations

INSIDE = "looks at the node, which is elsewhere"
KILLS = "kills the node together with its jobs, at a point of their code; tests/adapters/test_kills.py kills either"
NOT_STARTED = "a client of a server is never started: it may declare what it likes at any time"
NOT_TOLD = "an execution behind HTTP is not told of waits that end while it is at work"
IN_THE_LOG = "the server's log says that the app failed; why is said in the app's log"
V2_WORDS = "whoever starts a run by the v2 protocol is told in its words that there is no such job"
LOOPBACK = "only an environment for development may call an app on this machine"
TYPED = "the path and the query of a URL are text, and have no types"
IN_A_THREAD = "starts its node in a thread, on whose loop its jobs run"
CALLS = "calls the node's own platform, on the event loop at hand"
ASKED = "an app that is declared wrongly is found out when the server asks it"
BEFORE_INDEX = "a server may act by what an app declared last, until the app has registered anew"
CLOCKS = "sets the node's clock ahead of the app's, by more than signed requests may be old"
BACK_OFF = "an app that has not been there is told again after a back-off"

REASONS: dict[tuple[str, str | None], str] = {
    ("test_background_node", None): INSIDE,
    ("test_bad_input", "test_what_is_no_size_of_a_page_is_refused"): TYPED,
    ("test_branches", "test_a_wait_that_ends_while_another_branch_works_needs_no_execution"): NOT_TOLD,
    ("test_branches", "test_no_branch_is_cut_while_a_task_body_runs"): NOT_TOLD,
    ("test_callback_urls", "test_the_key_of_the_environment_signs_if_there_is_one"): INSIDE,
    ("test_crashes_everywhere", None): KILLS,
    ("test_dynamic_triggers", "test_a_request_is_handled_until_it_is_and_once"): IN_THE_LOG,
    ("test_environments", "test_a_job_is_told_its_environment"): LOOPBACK,
    ("test_event_records", "test_events_are_looked_up_and_cancelled_by_blocking_calls"): IN_A_THREAD,
    ("test_forced_replay", None): INSIDE,
    ("test_hooks", "test_a_client_that_is_started_takes_no_hooks"): NOT_STARTED,
    ("test_hooks", "test_a_hook_waits_for_its_code"): BACK_OFF,
    ("test_http_endpoints", "test_an_endpoint_is_defined_before_its_client_is_started"): NOT_STARTED,
    ("test_invoke_and_wait", "test_a_run_that_has_ended_lets_its_branch_go_on_while_another_works"): NOT_TOLD,
    ("test_invoking", "test_a_client_is_started_once_at_a_time_and_again_afterwards"): NOT_STARTED,
    ("test_invoking", "test_an_unknown_job_is_not_found_and_the_nearest_name_is_told"): V2_WORDS,
    ("test_invoking", "test_calls_of_a_client_that_is_not_started_say_so"): NOT_STARTED,
    ("test_kept_runs", None): INSIDE,
    ("test_managing_runs", "test_a_run_is_managed_by_blocking_calls"): IN_A_THREAD,
    ("test_managing_runs", "test_a_run_goes_on_though_its_cancelled_code_still_ends"): NOT_TOLD,
    ("test_memory", None): INSIDE,
    ("test_missing_code", "test_a_job_cannot_be_added_to_a_client_that_is_started"): NOT_STARTED,
    ("test_missing_code", "test_a_run_waits_for_its_code_and_goes_on_when_it_is_back"): CALLS,
    ("test_random_crashes", None): KILLS,
    ("test_random_programs", None): CALLS,
    ("test_results", "test_the_annotation_of_a_job_that_cannot_be_resolved_is_refused_before_its_tasks_run"): ASKED,
    ("test_schedules", "test_a_job_without_its_schedule_any_more_is_not_started"): BEFORE_INDEX,
    ("test_schedules", "test_a_scheduled_job_is_given_the_times_of_its_tick_and_of_the_one_before"): CLOCKS,
    ("test_schedules", "test_a_schedule_that_is_defined_twice_is_one"): NOT_STARTED,
    ("test_statuses", "test_statuses_of_unknown_runs_and_of_other_environments_are_not_found"): TYPED,
    ("test_statuses", "test_the_blocking_calls_do_the_same"): IN_A_THREAD,
    ("test_store", "test_the_blocking_store_does_the_same"): IN_A_THREAD,
    ("test_store", "test_values_outlive_the_node_and_belong_to_their_environment"): LOOPBACK,
    (
        "test_timers_while_parked",
        "test_the_timeout_of_a_task_whose_branches_are_parked_stands_still_while_others_work",
    ): NOT_TOLD,
}
"""By file and test; a file without a test stands for all of its tests."""


def reason_of(file: str, test: str, *, is_told: bool) -> str | None:
    """Say why a test is not for a server; ``None``: it is.

    Args:
        file: The name of its file, without the ending.
        test: Its name.
        is_told: Whether executions at work are told of waits that end: those of workers are.
    """
    reason = REASONS.get((file, test), REASONS.get((file, None)))
    return None if is_told and reason is NOT_TOLD else reason
