"""Absurd on PostgreSQL: the driver is one process, its workers are others.

``python -m bench.peers.absurd W1 W2 --database postgresql://…`` on a database prepared by ``absurdctl init``.
``tasks`` is a worker, ``queue`` the driver's view of the queue, ``workloads`` the measurements.
"""
