"""Where a node says that it is reached."""

from __future__ import annotations

import socket

import pytest

from perdure.server.address import open_address
from perdure.storage.interface import Storage

FREE_BIND = 15
"""Linux's IP_FREEBIND: listen at an address that this machine does not have."""


@pytest.mark.parametrize(("listens_at", "is_warned"), [("127.0.0.1", True), ("0.0.0.0", True), ("192.0.2.7", False)])
async def test_only_where_nobody_else_reaches_it_a_node_warns_when_it_hands_out_its_url(
    storage: Storage, caplog: pytest.LogCaptureFixture, listens_at: str, *, is_warned: bool
) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_IP, FREE_BIND, 1)
    listening.bind((listens_at, 0))
    listening.listen()
    address = await open_address(storage, None, inherited=listening)
    address.listen(lambda: None)
    assert address.hand_out() == address.hand_out()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == is_warned
    assert all("PERDURE_PUBLIC_URL" in one for one in said)
    await address.close()
