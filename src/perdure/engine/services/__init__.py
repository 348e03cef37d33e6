"""The loops of a node, one per file: each sleeps until something is due or it is told, then looks at the database.

Start reading at ``service``.
"""
