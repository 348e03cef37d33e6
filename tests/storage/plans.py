"""How SQLite would execute our queries on an empty database of our schema."""

from __future__ import annotations

from functools import cache

import apsw
import apsw.ext

from perdure.storage.sqlite.opening import named_queries
from perdure.storage.sqlite.schema import migrate


def plan_of(query: str) -> list[str]:
    """Name a query to read the steps of its plan, in their order."""
    database = _open_migrated()
    sql = f"EXPLAIN QUERY PLAN {named_queries()[query]}"
    count = apsw.ext.query_info(database, sql).bindings_count
    return [str(row[3]) for row in database.execute(sql, [0] * count)]


@cache
def _open_migrated() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return connection
