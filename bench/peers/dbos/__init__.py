"""DBOS Transact for Python, embedded as its documentation shows: driver and worker are one process.

``python -m bench.peers.dbos W1 W2 --storage sqlite-wal``. ``jobs`` holds the workflows, ``database`` the storages,
``workloads`` the measurements, ``crash`` W7.
"""
