"""Which IP addresses belong to the public internet. Pure; Python's own `is_global` lets some others through.

Sources: IANA's registries of special-purpose addresses for IPv4 and IPv6.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_UNICAST = IPv6Network("2000::/3")  # all of the public IPv6 internet is here
_SPECIAL4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "192.0.0.0/24",  # protocol assignments, a metadata service among them
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",
    )
)
_SPECIAL6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
)


def is_public(address: str) -> bool:
    """Whether an address, as a resolver gives it, is one of the public internet. What is no address is not."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not any(parsed in network for network in _SPECIAL4)
    if parsed.ipv4_mapped is not None:
        return is_public(str(parsed.ipv4_mapped))
    return parsed in _UNICAST and parsed.is_global and not any(parsed in network for network in _SPECIAL6)
