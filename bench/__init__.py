"""Measurements: perdure, the ceiling of the machine, and peer systems, under the same workloads.

Start with ``README.md``. ``python -m bench`` measures perdure, ``python -m bench.ceiling`` the bare write path,
``python -m bench.peers.<name>`` a peer in its own environment. Nothing here is part of the installed package, and
nothing imports perdure except ``workloads``, so that a peer's environment needs only the peer.
"""
