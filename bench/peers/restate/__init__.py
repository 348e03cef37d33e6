"""Restate: its server from npm, and a Python endpoint under granian or hypercorn, all on loopback.

``python -m bench.peers.restate W1 W2 --endpoint granian``. ``endpoint`` holds the handlers, ``installation`` runs the
two processes, ``workloads`` the measurements.
"""
