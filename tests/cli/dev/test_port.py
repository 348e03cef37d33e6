"""The port, and who has taken it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from perdure.cli.dev.port import PortTakenError, find_owner, listen
from perdure.errors import InvalidArgumentError


def test_it_listens_on_loopback_only_and_again_as_soon_as_it_is_closed() -> None:
    with listen(0) as listening:
        host, port = listening.getsockname()
        assert host == "127.0.0.1"
        with socket.create_connection((host, port)), listening.accept()[0]:
            pass
    with listen(port):
        pass


@pytest.mark.parametrize("port", [-1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(InvalidArgumentError, match="--port is a number from 0 to 65535"):
        listen(port)


def test_who_listens_is_named_and_who_is_only_connected_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        who = find_owner(port)
        assert who is not None
        assert who.startswith(f"process {os.getpid()} (")
        assert len(who) < 120
        with socket.create_connection(("127.0.0.1", port)) as connection:
            assert find_owner(connection.getsockname()[1]) is None


def test_where_the_kernel_tells_nothing_the_port_is_taken_all_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert find_owner(port, proc=tmp_path) is None
        with pytest.raises(PortTakenError, match=f"Port {port} is in use"):
            listen(port)
