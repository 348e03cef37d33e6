"""What an execution asks of a node is asked in its name, and anew under the number that it gets from a new server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.errors import StaleExecutionError
from perdure.transport.held_link import HeldLink
from perdure.transport.node_request import NodeReply, NodeRequest
from perdure.transport.node_target import Target
from perdure.transport.wire_execution import WireExecution

REQUEST = NodeRequest("POST", "/api/events", b"{}")


class Node:
    """Knows the run under one number, and notes by which it is asked."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.asked: list[tuple[tuple[str, str], ...]] = []

    async def ask(self, request: NodeRequest, kind: Any, *, longer: float = 0) -> Any:
        self.asked.append(request.headers)
        if dict(request.headers)["perdure-epoch"] != str(self.epoch):
            raise StaleExecutionError
        return "done"

    async def send(self, request: NodeRequest, *, longer: float = 0) -> tuple[NodeReply, Target]:
        raise AssertionError

    def follow(self, request: NodeRequest, kind: Any) -> AsyncIterator[tuple[str, Any]]:
        raise AssertionError

    async def close(self) -> None:
        raise AssertionError


@pytest.fixture
def execution() -> WireExecution:
    return WireExecution(
        "run_1", 7, limit_ms=None, noops=None, epoch=3, is_native=True, has_all=True, monotonic=time.monotonic
    )


def named(epoch: int) -> tuple[tuple[str, str], ...]:
    return ("perdure-run", "run_1"), ("perdure-epoch", str(epoch))


async def test_a_call_names_the_run_and_the_number_of_the_execution(execution: WireExecution) -> None:
    async def renew(_: WireExecution) -> None:
        raise AssertionError

    node = Node(3)
    assert await HeldLink(node, execution, renew).ask(REQUEST, str) == "done"
    assert node.asked == [named(3)]


async def test_a_call_that_comes_before_a_new_server_has_handed_the_run_out_is_made_again(
    execution: WireExecution,
) -> None:
    async def renew(one: WireExecution) -> None:
        one.renew(4, limit_ms=None)

    node = Node(4)
    assert await HeldLink(node, execution, renew).ask(REQUEST, str) == "done"
    assert node.asked == [named(3), named(4)]


async def test_a_call_of_an_execution_that_gets_no_other_number_is_not_made_again(execution: WireExecution) -> None:
    async def says_the_same(_: WireExecution) -> None: ...

    async def refuses(_: WireExecution) -> None:
        raise StaleExecutionError

    for renew in (says_the_same, refuses):
        node = Node(4)
        with pytest.raises(StaleExecutionError):
            await HeldLink(node, execution, renew).ask(REQUEST, str)
        assert node.asked == [named(3)]
