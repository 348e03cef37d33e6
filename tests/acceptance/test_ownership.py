"""One process at a time has a node on a database file, and a forked child has none.

Covers I5 and I22 under F38.
"""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.database import read_contents
from tests.acceptance.processes import started


def test_a_second_process_on_the_same_file_is_told_who_owns_it_and_what_to_do(tmp_path: Path) -> None:
    with started("own", tmp_path) as owner:
        assert owner.hear() == "trying"
        assert owner.hear().startswith("open")
        with started("own", tmp_path) as second:
            assert second.hear() == "trying"
            said = second.hear()
            assert second.end() == 0
        assert said.startswith(f"locked {owner.pid} Process {owner.pid} owns {tmp_path / 'perdure.db'}.")
        assert "End that process first, or use another database" in said
        assert owner.end() == 0
    assert read_contents(tmp_path).violations == []


def test_a_process_that_ends_in_time_leaves_the_file_to_the_one_that_waits(tmp_path: Path) -> None:
    with started("own", tmp_path) as first:
        assert first.hear() == "trying"
        opened = first.hear()
        with started("own", tmp_path) as second:
            assert second.hear() == "trying"
            assert first.end() == 0
            # The same event, sent by both: the second gets what the first has stored.
            assert second.hear() == opened
            assert second.end() == 0


def test_a_killed_process_leaves_the_file_to_the_next_at_once(tmp_path: Path) -> None:
    with started("own", tmp_path) as first:
        assert first.hear() == "trying"
        opened = first.hear()
        first.kill()
        with started("own", tmp_path) as second:
            assert second.hear() == "trying"
            assert second.hear() == opened


def test_a_forked_child_is_refused_until_it_starts_itself_and_its_parent_goes_on(tmp_path: Path) -> None:
    with started("fork", tmp_path) as program:
        for _ in range(5):
            assert program.hear().startswith("forked_process This process was forked")
        assert program.rest() == ["attached of the child itself", "after"]
        assert program.end() == 0
    contents = read_contents(tmp_path)
    assert sorted(contents.events) == ["after", "before", "of the child itself"]
    assert contents.violations == []
