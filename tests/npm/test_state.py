"""Jobs of the unchanged npm package: stored values, statuses, events, and what the server fetches for them."""

from __future__ import annotations

from tests.npm.api import Api


def test_values_are_stored_read_and_deleted(api: Api) -> None:
    output = api.run("stores")["output"]
    for scope in ("run", "job", "env"):
        assert output[scope] == {"scope": scope, "n": 1}
        assert output[f"{scope}Has"] is True
        assert output[f"{scope}Deleted"] is True
        assert output[f"{scope}Gone"] is True
    assert (output["nothing"], output["nothingIsThere"]) == (True, True)


def test_a_run_shows_its_statuses_with_what_they_were(api: Api) -> None:
    run = api.run("shows-statuses")
    (status,) = run["statuses"]
    assert (status["key"], status["label"], status["state"], status["data"]) == (
        "progress", "Half", "success", {"percent": 50},
    )  # fmt: skip
    assert [one["label"] for one in status["history"]] == ["Begun", "Half"]


def test_events_are_sent_looked_up_and_cancelled(api: Api) -> None:
    run = api.run("sends-events", {"id": "sent"})
    assert run["output"] == {"ids": ["sent-1", "sent-2", "sent-3"], "found": "seen.by.nobody", "cancelled": True}


def test_what_the_server_fetches_is_the_result(api: Api) -> None:
    run = api.run("fetches", {"url": api.app_url})
    assert run["output"] == {"method": "POST", "authorization": "Bearer hush", "body": '{"n":1}'}
    # The server has sent it, and shows it to nobody.
    assert "hush" not in str(run["tasks"][0]["params"])


def test_a_fetch_is_tried_again_as_its_strategy_says(api: Api) -> None:
    assert api.run("fetches-again", {"url": api.app_url})["output"]["method"] == "GET"


def test_a_fetch_that_is_answered_with_a_failure_fails(api: Api) -> None:
    run = api.run("fetch-fails", {"url": api.app_url})
    assert run["status"] == "FAILURE"
    assert run["error"]["message"] == "not here"


def test_a_failed_fetch_gives_the_code_the_body_of_the_answer(api: Api) -> None:
    assert api.run("catches-fetch", {"url": api.app_url})["output"] == {"reason": "none"}


def test_a_task_around_a_failed_fetch_fails_with_the_body_of_the_answer_again_and_again(api: Api) -> None:
    output = api.run("catches-fetch-again", {"url": api.app_url})["output"]
    assert output == {"reason": "none"}


def test_a_fetch_without_a_body_that_says_anything_fails_in_the_words_of_v2(api: Api) -> None:
    run = api.run("fetch-fails-silently", {"url": api.app_url})
    assert run["error"]["message"] == "Fetch failed with status 404"


def test_a_fetch_gives_the_whole_answer(api: Api) -> None:
    assert api.run("fetches-response", {"url": api.app_url})["output"] == {"status": 200, "method": "GET"}


def test_a_poll_ends_when_an_answer_matches(api: Api) -> None:
    assert api.run("polls", {"url": api.app_url})["output"]["method"] == "GET"


def test_a_fetch_to_a_closed_address_fails_the_run(api: Api) -> None:
    run = api.run("fetches-metadata")
    assert run["status"] == "FAILURE"
    assert "169.254.169.254" in run["error"]["message"]
