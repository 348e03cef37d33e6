"""Jobs of many versions: the one registered last is found in an index, whatever asks for it."""

from __future__ import annotations

import pytest

from tests.storage.plans import plan_of

ASKING = (
    "list_registered_jobs",
    "disable_undeclared_jobs",
    "disable_undeclared_versions",
    "list_gone_jobs",
    "list_job_dispatchers",
    "list_dynamic_dispatchers",
    "list_scheduled_jobs",
    "detach_triggered_jobs",
    "detach_undeclared_jobs",
)
LAST = "USING INDEX job_versions_by_registration (job_no=?)"


def test_a_job_is_found_without_looking_at_the_versions_before_its_last() -> None:
    assert plan_of("find_job") == [
        "SEARCH j USING COVERING INDEX sqlite_autoindex_jobs_1 (environment_no=? AND id=?)",
        f"SEARCH v {LAST}",
        "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
    ]


@pytest.mark.parametrize("query", ASKING)
def test_lists_of_jobs_do_not_look_at_the_versions_before_the_last(query: str) -> None:
    steps = plan_of(query)
    assert [step for step in steps if LAST in step.replace("COVERING ", "")], steps
    assert not [step for step in steps if "sqlite_autoindex_job_versions" in step]
