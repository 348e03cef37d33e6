"""Other systems under the same workloads, each run by the Python of its own environment.

``environments`` says what each needs and ``setup`` builds it below ``.bench/``. Each other module or package is one
peer and is run as ``python -m bench.peers.<name>`` from the project's root, so that the peer's own import name is not
hidden by ours.
"""
