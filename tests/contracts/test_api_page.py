"""The page of the API lists the routes that are served, and no others."""

from __future__ import annotations

from perdure.api.app import all_routes
from perdure.api.routes import Route
from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "api.md"
LISTED = [row for row in table_rows(PAGE) if row[0].startswith("`")]


def _name(route: Route) -> str:
    query = "&".join(f"{parameter.name}=" for parameter in route.query)
    return f"`{route.method} {route.path}{'?' if query else ''}{query}`"


def test_the_page_lists_every_route_with_its_query_and_what_it_does() -> None:
    own = [[_name(route), route.summary] for route in all_routes() if not route.has_v2_form]
    assert [row for row in LISTED if len(row) == 2] == own


def test_the_page_lists_the_routes_of_the_v2_protocol_with_their_keys() -> None:
    of_v2 = [
        [_name(route), route.summary, "none" if route.is_open else "public" if route.allows_public else "private"]
        for route in all_routes()
        if route.has_v2_form
    ]
    assert [row for row in LISTED if len(row) == 3] == of_v2
