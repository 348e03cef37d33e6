"""A shop that loses its power: 200 orders, a process killed half-way, and a count of what was kept.

``python -m demo`` runs it. ``jobs`` and ``errands`` are what a user of perdure would write; ``app`` is the process that
is killed; ``world`` is the process it deals with; ``supervisor`` starts, feeds, kills and restarts it; ``checks`` and
``errand_checks`` count, from evidence that the database did not make.
"""
