"""SQLite: one writer thread with group commit, readers beside it, one owning process per file.

Only `perdure.storage.opening` imports this. Start reading with `database`.
"""
