"""The workloads on perdure itself, one module each, with ``run(settings) -> Result``.

``jobs`` holds the jobs, ``ledger`` reads back from the database what they recorded, and ``repetition`` runs a
measurement on fresh databases. A figure is reported only after the ledger has been checked.
"""
