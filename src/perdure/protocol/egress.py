"""Where requests may go: the addresses that are closed, and what a node opens."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from perdure.errors import BlockedAddressError, InvalidArgumentError
from perdure.protocol.web_url import WebUrl, is_address, parse_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Address: TypeAlias = IPv4Address | IPv6Address
    Network: TypeAlias = IPv4Network | IPv6Network

# ``ipaddress.is_global`` differs from one Python to the next, and calls several of these global.
CLOSED: Final = (
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's own"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "a relay's"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/96", "loopback, or IPv4 inside IPv6"),
    ("::ffff:0:0:0/96", "IPv4 inside IPv6"),
    ("64:ff9b::/96", "IPv4 inside IPv6"),
    ("64:ff9b:1::/48", "IPv4 inside IPv6"),
    ("100::/64", "discarded"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "IPv4 inside IPv6"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "reserved"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
    # What is left outside 2000::/3 has not been given to anyone.
    ("::/3", "unassigned"),
    ("4000::/2", "unassigned"),
    ("8000::/1", "unassigned"),
)
"""Networks that no request goes to unless a rule opens them, each with what its addresses are."""

_LOOPBACK_NAME: Final = "localhost"
_RULE_WITH_PORT: Final = re.compile(r"(.+):([1-9][0-9]{0,4})")


class EgressRule(Struct, frozen=True):
    """Something that a node opens for requests.

    Attributes:
        host: With a port: a name or an address as it stands in URLs. Without: a network in CIDR notation.
        port: The port that is opened on that host, or ``None``: all ports of the network.
    """

    host: str
    port: int | None = None


def parse_egress_rules(text: str) -> tuple[EgressRule, ...]:
    """Read rules as they stand in ``PERDURE_EGRESS_ALLOW``.

    Args:
        text: ``host:port``, addresses and networks in CIDR notation, separated by commas.

    Raises:
        InvalidArgumentError: One of them is neither.
    """
    return tuple(_parse_rule(rule.strip()) for rule in text.split(",") if rule.strip())


class EgressPolicy:
    """Which hosts and addresses requests of one environment may go to.

    Args:
        allow_loopback: Whether ``localhost``, ``127.0.0.0/8`` and ``[::1]`` are open, in exactly these spellings.
        allowed: What else is open.
        ports: The only ports that are open, rules aside; none given: all.
    """

    def __init__(
        self, *, allow_loopback: bool = False, allowed: Iterable[EgressRule] = (), ports: Collection[int] = ()
    ) -> None:
        rules = tuple(allowed)
        self.allow_loopback = allow_loopback
        self._hosts = frozenset((rule.host, rule.port) for rule in rules if rule.port is not None)
        self._networks = tuple(_network(rule.host) for rule in rules if rule.port is None)
        self._ports = frozenset(ports)

    def check_url(self, url: WebUrl) -> None:
        """Refuse what can be refused before a name is looked up.

        Raises:
            BlockedAddressError: The port is closed, or the host is an address that is.
        """
        if (url.host, url.port) in self._hosts:
            return
        if self._ports and url.port not in self._ports:
            raise BlockedAddressError(
                f"Requests to port {url.port} are blocked; PERDURE_EGRESS_PORTS says which are open."
            )
        if is_address(url.host):
            self.check_address(url.host, host=url.host, port=url.port)
        elif url.host == _LOOPBACK_NAME:
            self.check_address("127.0.0.1", host=url.host, port=url.port)

    def check_address(self, address: str, *, host: str, port: int) -> None:
        """Refuse to connect to an address.

        Args:
            address: Where the connection would go.
            host: The host in the URL, which has this address.
            port: The port in the URL.

        Raises:
            BlockedAddressError: The address is closed.
        """
        if (host, port) in self._hosts:
            return
        parsed = _parse_address(address)
        if parsed is None:
            raise BlockedAddressError(f"The host {host!r} leads to something that is no address of the internet.")
        loopback = _is_loopback(parsed)
        if loopback and self.allow_loopback and host in {_LOOPBACK_NAME, address}:
            return
        # An IPv4 address in its IPv6 form is reached as the IPv4 address.
        reached = (parsed.ipv4_mapped or parsed) if parsed.version == 6 else parsed
        if any(reached in network for network in self._networks):
            return
        kind = _closed_kind(reached)
        if kind is not None:
            raise BlockedAddressError(_blocked_message(host, kind, loopback=loopback))


def _blocked_message(host: str, kind: str, *, loopback: bool) -> str:
    remedy = "PERDURE_EGRESS_ALLOW opens addresses"
    if loopback:
        remedy = "in development, localhost, 127.0.0.1 and [::1] are open; elsewhere " + remedy
    return f"Requests to {host!r} are blocked: its address is {kind}. If it is meant, {remedy}."


@lru_cache(maxsize=1)
def _closed_networks() -> tuple[tuple[Network, str], ...]:
    return tuple((_network(text), kind) for text, kind in CLOSED)


@lru_cache(maxsize=1024)
def _closed_kind(address: Address) -> str | None:
    return next((kind for network, kind in _closed_networks() if address in network), None)


def _network(text: str) -> Network:
    # Only whoever sends requests needs the module, and importing perdure is to stay cheap.
    from ipaddress import ip_network

    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{text!r} is no network in CIDR notation: {error}.") from error


@lru_cache(maxsize=1024)
def _parse_address(text: str) -> Address | None:
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_loopback(address: Address) -> bool:
    # The property of that name takes ::ffff:127.0.0.1 for one, on some Pythons.
    return address.packed[0] == 127 if address.version == 4 else int(address) == 1


def _parse_rule(text: str) -> EgressRule:
    found = _RULE_WITH_PORT.fullmatch(text)
    try:
        # An IPv6 network has colons too, but only brackets make it a host.
        if found is not None and (":" not in found[1] or found[1].startswith("[")):
            url = parse_url(f"http://{text}/")
            return EgressRule(url.host, url.port)
        return EgressRule(str(_network(text)))
    except (InvalidArgumentError, BlockedAddressError) as error:
        raise InvalidArgumentError(
            f"{text!r} opens nothing: write host:port, or a network in CIDR notation such as 10.1.0.0/16."
        ) from error
