"""The peers that ``python -m bench --all`` measures beside perdure: those that need no server of ours to be running."""

from __future__ import annotations

from bench.peers.environments import find_python, find_restate_server

DBOS = ("bench.peers.dbos", "--storage", "sqlite-wal")
RESTATE = ("bench.peers.restate", "--endpoint", "granian")

PEERS = (
    ("dbos", (*DBOS, "W1", "W2", "W3", "W5", "W6", "W7")),
    ("dbos", (*DBOS, "--sync", "W1", "W2")),
    ("restate", (*RESTATE, "W1", "W2", "W3", "W5", "W6", "W7")),
)


def list_commands() -> list[list[str]]:
    """Write the command lines of the peers whose environments exist.

    Returns:
        Commands that print JSON lines.
    """
    commands: list[list[str]] = []
    for name, words in PEERS:
        python = find_python(name)
        if python is None or (name == "restate" and find_restate_server() is None):
            continue
        commands.append([str(python), "-m", *words])
    return commands
