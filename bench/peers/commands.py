"""The peers that ``python -m bench --all`` measures beside perdure: those that need no server of ours to be running."""

from __future__ import annotations

from bench.peers.environments import find_python, find_restate_server

PEERS = {
    "dbos": ("bench.peers.dbos", "W1", "W2", "W3", "W5", "W6", "W7", "--storage", "sqlite-wal"),
    "restate": ("bench.peers.restate", "W1", "W2", "W3", "W5", "W6", "W7", "--endpoint", "granian"),
}


def list_commands() -> list[list[str]]:
    """Write the command lines of the peers whose environments exist.

    Returns:
        One command for each such peer.
    """
    commands: list[list[str]] = []
    for name, words in PEERS.items():
        python = find_python(name)
        if python is None or (name == "restate" and find_restate_server() is None):
            continue
        commands.append([str(python), "-m", *words])
    return commands
