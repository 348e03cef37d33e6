"""Tokens of integrations are stored by a command that shows them nowhere."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from tests.cli.command import Commands
from tests.cli.test_servers import made, server

TOKEN = "xoxb-7Q9-secret"


def test_a_token_is_stored_listed_without_itself_and_forgotten(perdure: Commands) -> None:
    of_all = made(perdure("connections", "add", "slack", "--json", given=f"{TOKEN}\n"))
    arguments = ("add", "slack", "--account-id", "ada", "--type", "apiKey", "--scope", "a", "--scope", "b")
    of_ada = perdure("connections", *arguments, "--token-from", "ADAS_TOKEN", ADAS_TOKEN=TOKEN)
    assert of_ada.status == 0
    assert [row[1:] for row in of_ada.rows[1:]] == [["slack"], ["ada"]]
    listed = perdure("connections", "list")
    assert [row[1:4] for row in listed.rows] == [["slack", "", "oauth2"], ["slack", "ada", "apiKey"]]
    assert perdure("connections", "remove", of_all["id"]).output == f"removed\t{of_all['id']}\n"
    assert len(perdure("connections", "list", "--json").json()) == 1
    again = perdure("connections", "remove", of_all["id"])
    assert (again.status, of_all["id"] in again.errors) == (3, True)
    assert TOKEN not in f"{of_all}{of_ada}{listed}{again}"


def test_the_token_that_is_given_is_the_one_that_an_app_reads(perdure: Commands) -> None:
    key = made(perdure("keys", "create", "--json"))["key"]
    with server(perdure) as url:
        there = {"PERDURE_API_URL": url, "PERDURE_API_KEY": key}
        assert perdure("connections", "add", "slack", given=f"{TOKEN}\r\n", **there).status == 0
        request = Request(f"{url}/api/v1/app/auth/slack", headers={"Authorization": f"Bearer {key}"})
        with urlopen(request, timeout=30) as answer:
            assert json.loads(answer.read()) == {"type": "oauth2", "accessToken": TOKEN}


def test_a_token_may_stand_in_a_file_of_the_folder(perdure: Commands) -> None:
    (perdure.folder / ".env").write_text(f"SLACK_TOKEN={TOKEN}\n")
    assert perdure("connections", "add", "slack", "--token-from", "SLACK_TOKEN").status == 0
    assert [row[1] for row in perdure("connections", "list").rows] == ["slack"]


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        ((), "", "standard input"),
        ((), "\n", "standard input"),
        (("--token-from", "NO_SUCH"), TOKEN, "NO_SUCH"),
        ((TOKEN,), "", "xoxb"),
    ],
)
def test_without_a_token_nothing_is_stored(
    perdure: Commands, arguments: tuple[str, ...], given: str, says: str
) -> None:
    made(perdure("keys", "create", "--json"))
    refused = perdure("connections", "add", "slack", *arguments, given=given)
    assert (refused.status, says in refused.errors) == (2, True), refused
    assert perdure("connections", "list", "--json").json() == []


def test_on_a_terminal_the_token_is_asked_for_and_not_shown(perdure: Commands) -> None:
    terminal = perdure.in_terminal("connections", "add", "slack")
    terminal.wait_for("Token: ")
    terminal.press(f"{TOKEN}\r")
    done = terminal.finish()
    assert (done.status, TOKEN in done.output) == (0, False), done
    assert [row[1] for row in perdure("connections", "list").rows] == ["slack"]
