"""Which node a client that is not started calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure import Client
from perdure.errors import InvalidArgumentError, NotConnectedError
from perdure.sdk.connecting import Connecting
from perdure.transport.node_target import NamedNode, Target

VARIABLES = ("PERDURE_API_URL", "TRIGGER_API_URL", "PERDURE_API_KEY", "TRIGGER_API_KEY", "PERDURE_DATABASE_URL")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def target_of(**given: str) -> Target:
    arguments: dict[str, str | None] = {"api_key": None, "api_url": None, "database_url": None, **given}
    finder = Connecting("shop", **arguments).remote()._finder
    assert isinstance(finder, NamedNode)
    return finder.find()


def test_arguments_go_before_the_environment_and_its_own_names_before_those_of_v2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRIGGER_API_URL", "http://v2:1")
    monkeypatch.setenv("TRIGGER_API_KEY", "v2")
    assert target_of() == Target("http://v2:1", "v2")
    monkeypatch.setenv("PERDURE_API_URL", "http://own:1/")
    monkeypatch.setenv("PERDURE_API_KEY", "own")
    assert target_of() == Target("http://own:1", "own")
    assert target_of(api_url="https://given/base", api_key="given") == Target("https://given/base", "given")


def test_a_variable_that_is_set_later_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting = Connecting("shop", api_key="k", api_url=None, database_url=None)
    with pytest.raises(NotConnectedError):
        connecting.remote()
    monkeypatch.setenv("PERDURE_API_URL", "http://later:1")
    assert connecting.remote() is connecting.remote()


@pytest.mark.parametrize("database_url", [None, "sqlite://", "sqlite:///no-such-file.db"])
def test_without_any_node_the_three_ways_are_named(database_url: str | None) -> None:
    client = Client(id="shop", database_url=database_url)
    with pytest.raises(NotConnectedError) as caught:
        client.sync.send_event(name="e")
    for way in ("client.start()", "client.start_background()", "api_url=", "PERDURE_API_URL", "same database"):
        assert way in caught.value.message


@pytest.mark.parametrize("name", ["api_url", "api_key"])
@pytest.mark.parametrize("value", [5, b"http://127.0.0.1:3030", ["x"]])
def test_what_is_no_text_is_no_url_and_no_key(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{name}= is"):
        Client(id="shop", **{name: value})


def test_a_url_without_a_key_is_told_so() -> None:
    with pytest.raises(NotConnectedError, match="PERDURE_API_KEY"):
        Connecting("shop", api_key=None, api_url="http://node", database_url=None).remote()


@pytest.mark.parametrize(
    "url", ["", "node", "ftp://node", "http://", "http://a/?b=c", "http://u:p@node", "http://node:x"]
)
def test_what_is_no_url_of_a_node_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="api_url="):
        Client(id="shop", api_url=url)


@pytest.mark.parametrize("key", ["", "a b", "a\n", "kéy"])
def test_what_is_no_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Client(id="shop", api_key=key)
    assert not key or key not in caught.value.message


def test_what_the_environment_says_is_checked_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_API_URL", "nowhere")
    client = Client(id="shop")
    with pytest.raises(InvalidArgumentError, match="PERDURE_API_URL"):
        client.sync.send_event(name="e")
