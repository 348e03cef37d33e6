"""Where requests may go."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import BlockedAddressError, InvalidArgumentError
from perdure.protocol.egress import CLOSED, EgressPolicy, EgressRule, parse_egress_rules
from perdure.protocol.web_url import parse_url

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

PUBLIC = EgressPolicy()
DEVELOPMENT = EgressPolicy(allow_loopback=True)

OPEN = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "192.0.1.0", "223.255.255.255"]
OPEN += ["2606:4700::1111", "2001:200::1", "2a00:1450::1", "2003::1", "::ffff:8.8.8.8"]


def is_open(policy: EgressPolicy, address: str, *, host: str = "example.com", port: int = 80) -> bool:
    try:
        policy.check_address(address, host=host, port=port)
    except BlockedAddressError:
        return False
    return True


def may_request(policy: EgressPolicy, url: str) -> bool:
    try:
        policy.check_url(parse_url(url))
    except BlockedAddressError:
        return False
    return True


@pytest.mark.parametrize("network", [network for network, _ in CLOSED])
def test_the_first_and_the_last_address_of_every_closed_network_are_closed(network: str) -> None:
    parsed = ip_network(network)
    for address in (parsed[0], parsed[-1]):
        assert not is_open(PUBLIC, str(address))


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_open(address: str) -> None:
    assert is_open(PUBLIC, address)


WRAPPED = {
    "IPv4-mapped": "::ffff:{}",
    "IPv4-compatible": "::{}",
    "translated": "::ffff:0:{}",
    "NAT64": "64:ff9b::{}",
    "local NAT64": "64:ff9b:1::{}",
}


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_a_closed_address_is_closed_inside_an_ipv6_one(form: str, inside: str) -> None:
    address = WRAPPED[form].format(inside)
    assert not is_open(PUBLIC, address)
    assert not is_open(DEVELOPMENT, address)
    assert not may_request(DEVELOPMENT, f"http://[{address}]/")


@pytest.mark.parametrize("address", ["2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"])
def test_tunnelled_addresses_are_closed(address: str) -> None:
    assert not is_open(PUBLIC, address)


@given(st.ip_addresses())
def test_whatever_python_calls_not_global_is_closed(address: IPv4Address | IPv6Address) -> None:
    assert address.is_global or not is_open(PUBLIC, str(address))


@given(st.one_of(st.sampled_from([network for network, _ in CLOSED]).flatmap(lambda n: st.ip_addresses(network=n))))
def test_every_address_of_a_closed_network_is_closed_in_every_environment(address: IPv4Address | IPv6Address) -> None:
    assert not is_open(PUBLIC, str(address))
    assert not is_open(DEVELOPMENT, str(address))


@pytest.mark.parametrize("address", ["", "x", "127.1", "0x7f000001", "1.2.3.4.5", "fe80::1%eth0", "8.8.8.8%1"])
def test_what_is_no_public_address_is_closed(address: str) -> None:
    assert not is_open(PUBLIC, address)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/", "http://LOCALHOST/", "http://127.0.0.1/", "https://127.9.9.9/", "http://[::1]/"]
)
def test_loopback_is_open_in_development_only(url: str) -> None:
    assert may_request(DEVELOPMENT, url)
    assert not may_request(PUBLIC, url)


def test_localhost_may_lead_to_loopback_in_development_and_to_nothing_else_that_is_closed() -> None:
    assert is_open(DEVELOPMENT, "127.0.0.1", host="localhost")
    assert is_open(DEVELOPMENT, "::1", host="localhost")
    assert not is_open(DEVELOPMENT, "10.0.0.1", host="localhost")
    assert not is_open(DEVELOPMENT, "::ffff:127.0.0.1", host="localhost")


@pytest.mark.parametrize("host", ["localhost.", "foo.localhost", "localtest.me", "127.0.0.2", "::1"])
def test_loopback_under_another_spelling_is_closed_in_development(host: str) -> None:
    assert not is_open(DEVELOPMENT, "127.0.0.1", host=host)


def test_a_name_is_not_refused_before_it_is_looked_up() -> None:
    assert may_request(PUBLIC, "http://example.com/")
    assert may_request(PUBLIC, "http://metadata.google.internal/")


def test_a_rule_with_a_port_opens_that_host_on_that_port() -> None:
    policy = EgressPolicy(allowed=parse_egress_rules("reports.internal:8080, 10.0.0.5:9000, [FD00::5]:443"))
    assert may_request(policy, "http://10.0.0.5:9000/")
    assert may_request(policy, "https://[fd00:0::5]/")
    assert is_open(policy, "10.9.9.9", host="reports.internal", port=8080)
    assert not may_request(policy, "http://10.0.0.5:9001/")
    assert not may_request(policy, "http://10.0.0.6:9000/")
    assert not is_open(policy, "10.9.9.9", host="reports.internal", port=8081)
    assert not is_open(policy, "10.9.9.9", host="other.internal", port=8080)


def test_a_network_is_open_under_every_name_and_on_every_port() -> None:
    policy = EgressPolicy(allowed=parse_egress_rules("10.1.0.0/16,fd00:1::/48,192.168.7.7"))
    for address in ("10.1.2.3", "fd00:1::9", "192.168.7.7", "::ffff:10.1.2.3"):
        assert is_open(policy, address, host="anything.example", port=1234)
    for address in ("10.2.0.0", "fd00:2::9", "192.168.7.8", "127.0.0.1"):
        assert not is_open(policy, address)


def test_a_network_that_was_opened_opens_loopback_outside_development() -> None:
    policy = EgressPolicy(allowed=parse_egress_rules("127.0.0.0/8"))
    assert may_request(policy, "http://localhost/")
    assert is_open(policy, "127.0.0.1", host="other.example")
    assert not may_request(policy, "http://[::1]/")


def test_closed_ports_are_closed_whatever_the_address() -> None:
    policy = EgressPolicy(allowed=[EgressRule("db.internal", 5432)], ports=[443])
    assert may_request(policy, "https://example.com/")
    assert may_request(policy, "http://db.internal:5432/")
    assert not may_request(policy, "http://example.com/")
    with pytest.raises(BlockedAddressError, match="port 8443"):
        policy.check_url(parse_url("https://example.com:8443/"))


@pytest.mark.parametrize(
    "text",
    ["example.com", "example.com:", "example.com:0", "example.com:70000", "10.0.0.1/8", "10.0.0.0/40", "fd00::/129"],
)
def test_a_rule_that_opens_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="opens nothing"):
        parse_egress_rules(f"10.0.0.0/8,{text}")


def test_no_rules_open_nothing() -> None:
    assert parse_egress_rules(" , ,") == ()


def test_a_refusal_says_what_the_address_is_and_how_to_open_it() -> None:
    with pytest.raises(
        BlockedAddressError, match=r"'metadata\.example' are blocked: .* link-local.*PERDURE_EGRESS_ALLOW"
    ) as caught:
        PUBLIC.check_address("169.254.169.254", host="metadata.example", port=80)
    # Whoever may choose a URL learns nothing about the network that it leads into.
    assert "169.254" not in str(caught.value)
