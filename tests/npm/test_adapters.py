"""Apps that the framework adapters of the npm package serve, unchanged, are registered and run."""

from __future__ import annotations

import json

import pytest

from tests.npm.api import KEY, Api, request

ADAPTERS = ("express", "express-json", "hono", "hono-add", "next-pages", "next-app", "remix")


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_app_that_an_adapter_serves_is_registered_and_its_run_completes(
    platform: Api, adapted: dict[str, str], name: str
) -> None:
    assert platform.register(name, adapted[name]).status == 200
    assert [job["id"] for job in platform.ask("GET", "/api/jobs").body if job["id"] == f"greets-{name}"]
    run = platform.run(f"greets-{name}", {"name": "Zoë 😀"})
    assert (run["status"], run["output"]) == ("SUCCESS", {"greeting": "Hello Zoë 😀", "failures": 2}), run


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_passes_on_what_the_app_refuses_with(adapted: dict[str, str], name: str) -> None:
    headers = {"content_type": "application/json", "x_trigger_action": "PING"}
    status, _, body = request("POST", adapted[name], b"{}", x_trigger_api_key="tr_dev_other", **headers)
    assert (status, "message" in json.loads(body)) == (401, True), body
    status, given, body = request("POST", adapted[name], b"{}", x_trigger_api_key=KEY, **headers)
    assert (status, given["trigger-version"]) == (200, "2023-09-29"), (given, body)


def test_an_app_is_not_registered_under_the_name_of_another(platform: Api, adapted: dict[str, str]) -> None:
    answer = platform.register("hono", adapted["remix"])
    assert (answer.status, "remix" in answer.body["error"]) == (400, True), answer
