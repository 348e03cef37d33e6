"""`client.store`: values of the environment, from outside of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.protocol.store_keys import check_environment_name
from perdure.sdk.codec import codec_for
from perdure.sdk.current import refuse_in_job
from perdure.sdk.sync import Blocking, blocking
from perdure.sdk.values import found_type, value_text

if TYPE_CHECKING:
    from perdure.sdk.client import Client

T = TypeVar("T")


class ClientStore:
    """The stores that can be reached from outside of runs."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def env(self) -> EnvironmentValues:
        """The values of the environment, the same ones as those of ``io.store.env``."""
        return EnvironmentValues(self._client)


class EnvironmentValues:
    """The values of an environment."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @overload
    async def get(self, name: str, *, as_type: None = None) -> Any: ...

    @overload
    async def get(self, name: str, *, as_type: type[T]) -> T | None: ...

    async def get(self, name: str, *, as_type: Any = None) -> Any:
        """Read a value.

        Args:
            name: Its name, 1 to 512 bytes of UTF-8.
            as_type: Its type; default: plain JSON.

        Returns:
            The value; ``None`` if there is none, or if ``None`` was stored (`has` tells).

        Raises:
            InvalidArgumentError: The name is none.
            PayloadValidationError: The value does not fit ``as_type``.

        See also: v2 protocol, section 4.5.
        """
        refuse_in_job("client.store.env.get", "io.store.env.get")
        key, codec = check_environment_name(name), codec_for(Any if as_type is None else found_type(as_type))
        text = await self._client.connected().call(lambda platform: platform.get_value(key))
        return None if text is None else codec.decode(text)

    async def set(self, name: str, value: Any) -> Any:
        """Store a value in place of what its name had; returns when it is durable.

        Args:
            name: Its name, 1 to 512 bytes of UTF-8.
            value: A JSON value, a model, …; of at most 256 KiB as JSON.

        Returns:
            The value after a JSON round trip.

        Raises:
            InvalidArgumentError: The name is none.
            UnserializableOutputError: The value has no JSON form.
            ValueTooLargeError: It is over 256 KiB.
        """
        refuse_in_job("client.store.env.set", "io.store.env.set")
        key, text = check_environment_name(name), value_text(value, call="client.store.env.set")
        await self._client.connected().call(lambda platform: platform.set_value(key, text))
        return codec_for(Any).decode(text)

    async def has(self, name: str) -> bool:
        """Ask whether there is a value.

        Args:
            name: Its name, 1 to 512 bytes of UTF-8.

        Raises:
            InvalidArgumentError: The name is none.
        """
        refuse_in_job("client.store.env.has", "io.store.env.has")
        key = check_environment_name(name)
        return await self._client.connected().call(lambda platform: platform.has_value(key))

    async def delete(self, name: str) -> bool:
        """Delete a value; returns when that is durable.

        Args:
            name: Its name, 1 to 512 bytes of UTF-8.

        Returns:
            Whether it was there.

        Raises:
            InvalidArgumentError: The name is none.
        """
        refuse_in_job("client.store.env.delete", "io.store.env.delete")
        key = check_environment_name(name)
        return await self._client.connected().call(lambda platform: platform.delete_value(key))


class SyncEnvironmentValues(Blocking[EnvironmentValues]):
    """The values of an environment, in calls that block."""

    path = "client.sync.store.env"

    def io_form(self, call: str) -> str:
        """Say what a job uses in place of a call."""
        return f"io.store.env.{call}"

    get = blocking(EnvironmentValues.get)
    set = blocking(EnvironmentValues.set)
    has = blocking(EnvironmentValues.has)
    delete = blocking(EnvironmentValues.delete)


class SyncStore:
    """The stores that can be reached from outside of runs, in calls that block."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def env(self) -> SyncEnvironmentValues:
        """The values of the environment."""
        return SyncEnvironmentValues(EnvironmentValues(self._client), self._client)
