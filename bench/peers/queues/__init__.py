"""Plain queues, which have no durable steps: a job is their unit of durability, and W2q is 10,000 jobs.

Each module is one queue and starts its own worker: ``python -m bench.peers.queues.celery --redis redis://…``.
``workload`` is what they share.
"""
