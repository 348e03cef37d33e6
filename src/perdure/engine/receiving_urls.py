"""The URLs that requests from outside go to (v2 protocol, sections 11.1 and 11.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from perdure.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.engine.directory import Directory
    from perdure.engine.secret_box import SecretBox


class ReceivingUrls:
    """Makes URLs, and reads the secret part of one.

    Args:
        directory: Knows the environments.
        secrets: Derives the secret parts.
        origin: Gives the URL under which this node's routes are reached, without a slash at its end.
    """

    def __init__(self, directory: Directory, secrets: SecretBox, origin: Callable[[], str]) -> None:
        self._directory = directory
        self._secrets = secrets
        self._origin = origin

    def of_endpoint(self, environment_no: int, key: str) -> str:
        """Give the URL of an HTTP endpoint, the same each time."""
        environment = self._directory.tenants[environment_no].environment
        code = self._secrets.endpoint_code(environment.id, key)
        return f"{self._origin()}/api/v1/http-endpoints/{quote(key, safe='')}/env/{environment.slug}/{code}"

    def of_source(self, source_id: str) -> str:
        """Give the URL of an external source, the same each time."""
        return f"{self._origin()}/api/v1/sources/http/{source_id}"

    def find_environment(self, key: str, code: str) -> int:
        """Find the environment in which the URL of an HTTP endpoint has this secret part; it need not have one.

        Raises:
            NotFoundError: There is none.
        """
        found: int | None = None
        for number, tenant in self._directory.tenants.items():
            # Every one is looked at, so that the time tells nothing.
            if self._secrets.is_endpoint_code(tenant.environment.id, key, code):
                found = number
        if found is None:
            raise NotFoundError("Could not find environment")
        return found
