from __future__ import annotations

import pytest

from tests.cli.command import Commands, Result


def test_a_run_is_started_with_texts_and_json_and_followed_to_its_end(live: Commands) -> None:
    done = live("run", "echo", "city=Oslo", "n:=3", "odd=a=b:=c", "list:=[1, null]", "--follow", "--json")
    assert done.status == 0
    last = done.json_lines()[-1]
    assert last["status"] == "SUCCESS"
    assert last["output"] == {"city": "Oslo", "n": 3, "odd": "a=b:=c", "list": [1, None]}


def test_a_whole_payload_comes_from_the_command_line_a_file_or_standard_input(live: Commands) -> None:
    (live.folder / "payload.json").write_text('{"of": [1, 2]}')
    for options, given in (
        (("--payload", '{"of": [1, 2]}'), ""),
        (("--payload", "@payload.json"), ""),
        (("--payload", "@-"), '{"of": [1, 2]}'),
    ):
        done = live("run", "echo", *options, "--follow", "--json", given=given)
        assert done.json_lines()[-1]["output"] == {"of": [1, 2]}


def test_without_follow_the_id_of_the_run_is_printed(live: Commands) -> None:
    done = live("run", "echo", "a=1")
    assert done.status == 0
    (run_id,) = done.lines
    assert live("runs", "tail", run_id).rows[-1][1:4] == ["run", "SUCCESS", run_id]


def test_the_same_idempotency_key_gives_the_same_run(live: Commands) -> None:
    first = live("run", "echo", "--idempotency-key", "once").output
    assert live("run", "echo", "--idempotency-key", "once").output == first


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("city", "'city' is no member"),
        ("=Oslo", "'=Oslo' is no member"),
        ("n:=three", "n=three"),
        ("n:=NaN", "JSON"),
        (":=3", "is no member"),
    ],
)
def test_a_malformed_member_is_a_usage_error_that_says_how_to_write_it(member: str, said: str, live: Commands) -> None:
    refused = live("run", "echo", member)
    assert (refused.status, refused.output) == (2, "")
    assert said in refused.errors
    assert ":=" in refused.errors


def test_a_member_that_is_given_twice_is_a_usage_error(live: Commands) -> None:
    refused = live("run", "echo", "a=1", "a=2")
    assert refused.status == 2
    assert "'a' is given twice" in refused.errors


def test_an_unknown_job_is_not_found_and_the_nearest_is_named(live: Commands) -> None:
    for arguments in (("run", "ecko"), ("runs", "list", "--job", "ecko"), ("runs", "tail", "--job", "ecko")):
        refused = live(*arguments)
        assert (refused.status, refused.output) == (3, "")
        assert "Did you mean 'echo'?" in refused.errors


def test_an_unknown_run_is_not_found_and_one_that_begins_so_is_named(live: Commands) -> None:
    (run_id,) = live("run", "echo").lines
    for command in ("show", "tail", "cancel", "rerun", "continue"):
        refused = live("runs", command, run_id[:-2])
        assert (refused.status, refused.output) == (3, "")
        assert f"Did you mean '{run_id}'?" in refused.errors


def test_an_error_is_json_where_json_was_asked_for(live: Commands) -> None:
    refused = live("runs", "show", "run_none", "--json")
    assert refused.status == 3
    assert Result(3, refused.errors, "").json()["code"] == "not_found"


def test_a_run_that_fails_ends_the_command_with_1(live: Commands) -> None:
    done = live("run", "broken", "--follow")
    assert done.status == 1
    assert done.rows[-1][2] == "FAILURE"
    assert done.rows[-1][4].startswith("RuntimeError: no")


def test_what_a_terminal_would_obey_is_shown_as_what_it_is(live: Commands) -> None:
    run = live("run", "broken", "--follow", "--json").json_lines()[-1]
    assert run["error"]["message"] == "no \x1b[31mluck\x1b[0m"
    shown = live.in_terminal("runs", "show", run["id"], NO_COLOR="1").finish().output
    assert "no \\x1b[31mluck\\x1b[0m" in shown
    assert "\x1b[31mluck" not in shown
    assert "shop.py" in shown, "the stack is shown"


def test_runs_are_listed_newest_first_by_job_and_status(live: Commands) -> None:
    ids = [live("run", "slow").lines[0] for _ in range(3)]
    listed = live("runs", "list", "--job", "slow", "--take", "2").rows
    assert [row[0] for row in listed] == ids[:0:-1]
    assert {row[1] for row in listed} == {"slow"}
    assert live("runs", "list", "--job", "slow", "--status", "success", "--status", "FAILURE").output == ""
    page = live("runs", "list", "--job", "slow", "--take", "2", "--json").json()
    rest = live("runs", "list", "--job", "slow", "--cursor", page["next_cursor"], "--json").json()
    assert [run["id"] for run in page["runs"] + rest["runs"]] == ids[::-1]


def test_an_amount_out_of_range_is_a_usage_error(live: Commands) -> None:
    for amount in ("0", "-1", "10001", "many"):
        assert live("runs", "list", f"--take={amount}").status == 2


def test_a_run_is_shown_with_its_tasks_and_its_log(live: Commands) -> None:
    live("events", "send", "user.created", "id=7")
    run_id = live("runs", "list", "--job", "greet", "--take", "1").rows[0][0]
    live("runs", "tail", run_id)
    shown = live("runs", "show", run_id).rows
    assert ["status", "SUCCESS"] in shown
    assert ["task", "find", "COMPLETED", '"found\\tit"'] in shown
    assert [row[2:] for row in shown if row[0] == "log"] == [["INFO", 'hello {"user":"7"}']]
    run = live("runs", "show", run_id, "--json").json()
    assert [task["key"] for task in run["tasks"]] == ["find"]
    assert run["logs"][0]["message"] == "hello"
    assert run["output"] == {"greeted": {"id": "7"}}


def test_a_run_is_cancelled_and_then_goes_on(live: Commands) -> None:
    (run_id,) = live("run", "slow").lines
    assert ["status", "CANCELED"] in live("runs", "cancel", run_id).rows
    assert live("runs", "tail", run_id).status == 1
    assert live("runs", "continue", run_id, "--json").json()["id"] == run_id


def test_a_run_that_has_succeeded_cannot_go_on(live: Commands) -> None:
    run_id = live("run", "echo", "--follow", "--json").json_lines()[-1]["id"]
    refused = live("runs", "continue", run_id)
    assert (refused.status, refused.output) == (1, "")
    assert run_id in refused.errors


def test_a_run_is_started_again_and_followed(live: Commands) -> None:
    first = live("run", "echo", "a=1", "--follow", "--json").json_lines()[-1]
    again = live("runs", "rerun", first["id"], "--follow", "--json").json_lines()[-1]
    assert again["id"] != first["id"]
    assert again["output"] == {"a": "1"}


def test_a_name_that_fits_in_no_url_is_a_usage_error_and_no_stranger_at_the_port(live: Commands) -> None:
    endless = "x" * 100_000
    for arguments in (("run", endless), ("runs", "show", endless), ("runs", "list", "--cursor", endless)):
        refused = live(*arguments)
        assert refused.status == 2, refused
        assert "too long" in refused.errors


def test_what_is_no_json_is_repeated_without_orders_for_the_terminal(live: Commands) -> None:
    refused = live("run", "echo", "a:=\x1b[31mred\n")
    assert refused.status == 2
    assert "write a=\\x1b[31mred\\n." in refused.errors
    assert "\x1b" not in refused.errors
