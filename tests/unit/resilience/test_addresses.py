from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.addresses import AddressPolicy, is_public, parse_networks

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "192.0.1.1",
    "2606:4700::1111",
    "2a01:e0c:1::1",
    "2001:4860::8888",
]
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "1.2.3", "010.0.0.1", "1.1.1.1/32", "[::1]", "::1%", "١.١.١.١"]
)
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)
    assert not AddressPolicy(allow=parse_networks(["0.0.0.0/0", "::/0"])).permits(text)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_an_address_that_embeds_another_is_judged_by_it(inner: IPv4Address) -> None:
    number = int(inner)

    mapped = IPv6Address((0xFFFF << 32) | number)
    nat64 = IPv6Address((0x64FF9B << 96) | number)
    six_to_four = IPv6Address((0x2002 << 112) | (number << 80) | 1)

    assert {is_public(mapped), is_public(nat64), is_public(six_to_four)} == {is_public(inner)}


@settings(deadline=None)
@given(st.ip_addresses())
def test_text_and_value_are_judged_alike(address: IPv4Address | IPv6Address) -> None:
    assert is_public(str(address)) == is_public(address)


@settings(deadline=None)
@given(st.ip_addresses())
def test_what_the_standard_library_calls_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    translated = address in ipaddress.ip_network("64:ff9b::/96") or address in ipaddress.ip_network(
        "2002::/16"
    )
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None

    if is_public(address) and not translated and not mapped:
        assert address.is_global and not address.is_multicast


@settings(deadline=None)
@given(st.sampled_from([10 << 24, 127 << 24, 0xA9FE << 16, 0xC0A8 << 16]), st.integers(0, 0xFFFF))
def test_no_embedding_opens_a_private_network(network: int, host: int) -> None:
    inner = network | host

    for outer in ((0xFFFF << 32), (0x64FF9B << 96), 0):
        assert not is_public(IPv6Address(outer | inner))


def test_a_policy_opens_the_networks_that_it_lists_and_no_others() -> None:
    policy = AddressPolicy(allow=parse_networks(["10.1.0.0/16", " fd00:1::/32 ", ""]))

    permitted = ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "1.1.1.1"]
    refused = ["10.2.0.1", "::ffff:10.2.0.1", "64:ff9b::a01:203", "fd00:2::5", "127.0.0.1"]
    assert [policy.permits(address) for address in permitted] == [True] * len(permitted)
    assert [policy.permits(address) for address in refused] == [False] * len(refused)


def test_a_trusted_service_is_trusted_by_name_and_port_only() -> None:
    policy = AddressPolicy().trusting("Ollama.lan", 11434)

    assert policy.permits("192.168.1.5", host="ollama.lan", port=11434)
    assert not policy.permits("192.168.1.5", host="ollama.lan", port=22)
    assert not policy.permits("192.168.1.5", host="other.lan", port=11434)
    assert not policy.permits("192.168.1.5")


@pytest.mark.parametrize("text", ["10.0.0.0/33", "lan", "10.0.0.0-10.0.0.9"])
def test_a_network_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("/")[0]):
        parse_networks(["127.0.0.0/8", text])
