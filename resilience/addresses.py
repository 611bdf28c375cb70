"""Which IP addresses an outgoing call may reach. Pure: names are resolved elsewhere, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# Written out rather than taken from ``is_global``: its answers changed between patch releases of Python, and
# it calls several of these ranges global. Source: IANA special-purpose registries (RFC 6890), the RFC named.
_RESERVED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"; 0.0.0.0 reaches the local host on Linux
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform service: a public number that only exists inside
        "169.254.0.0/16",  # link-local, and most clouds' metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays, withdrawn by RFC 7526
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has ever delegated; site-local, ULA, link-local, multicast and ``::/8`` lie outside."""
_RESERVED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


def is_public(address: str | IPAddress) -> bool:
    """Return whether the address belongs to a host on the public internet.

    An IPv6 address that stands for an IPv4 host (mapped, NAT64's well-known prefix, 6to4) is judged by that
    host. Teredo, NAT64's local prefix and IPv4-compatible addresses never are public, nor is anything with a
    zone id or that is no address at all.
    """
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        parsed = _embedded(parsed) or parsed
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _RESERVED_V4)
    if parsed is None or parsed.scope_id is not None:
        return False
    return parsed in _GLOBAL_UNICAST and not any(parsed in network for network in _RESERVED_V6)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be reached: the public internet, the operator's exceptions, and nothing else."""

    allow: tuple[IPNetwork, ...] = ()
    """Private networks that the operator opened (``MCP_WEBHOOK_ALLOW``)."""
    trusted: frozenset[tuple[str, int]] = frozenset()
    """(host, port) pairs from the operator's own configuration, reachable wherever their names lead."""

    def permits(self, address: str | IPAddress, *, host: str = "", port: int = 0) -> bool:
        """Return whether ``address``, to which ``host`` resolved, may be connected to."""
        parsed = _parse(address)
        if parsed is None:
            return False
        return (host.lower(), port) in self.trusted or is_public(parsed) or self._is_allowed(parsed)

    def trusting(self, host: str, port: int) -> AddressPolicy:
        """Return the policy that also reaches this configured host, on this port only."""
        return replace(self, trusted=self.trusted | {(host.lower(), port)})

    def _is_allowed(self, address: IPAddress) -> bool:
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in network for network in self.allow if network.version == address.version)


def parse_networks(texts: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Return the networks written in CIDR form; blank texts are skipped. ValueError names the wrong one."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())


def _parse(address: str | IPAddress) -> IPAddress | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.scope_id is not None:
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address.ipv4_mapped
