"""Requests to addresses that somebody typed in: never to this machine or this network.

The address is looked at after its name was resolved, and the connection goes to that very address,
so a name that answers differently the second time gains nothing. Redirects are not followed.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.errors import Problem

TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=5)
ANSWER_BYTES_MAX: Final = 1024
URL_CHARS_MAX: Final = 500

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(OSError):
    """A name that leads to an address of ours."""


class Outside:
    """Which addresses may be sent to: public ones, and those of `allowed` networks."""

    def __init__(self, allowed: Sequence[Network], *, plain_http: bool) -> None:
        self._allowed = allowed
        self._schemes = {"https", "http"} if plain_http else {"https"}

    def require_url(self, text: str) -> URL:
        """The URL. Raises Problem 422 ``webhook/bad-address``."""
        try:
            url = URL(text)
            is_good = bool(url.scheme in self._schemes and url.host and not url.user)
            literal = _literal(url.host or "")
        except ValueError:
            raise Problem(422, "webhook/bad-address") from None
        if not is_good or len(text) > URL_CHARS_MAX or url.fragment:
            raise Problem(422, "webhook/bad-address")
        if literal is not None and not self.may_reach(literal):
            raise Problem(422, "webhook/bad-address")
        return url

    def may_reach(self, address: IpAddress) -> bool:
        """Whether this address may be sent to."""
        mapped = getattr(address, "ipv4_mapped", None) or address
        if any(mapped in network for network in self._allowed):
            return True
        return mapped.is_global and not mapped.is_multicast and not _carries_ipv4(mapped)

    def session(self) -> aiohttp.ClientSession:
        """A session whose connections all go where they may."""
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(self), use_dns_cache=False, limit_per_host=4
        )
        return aiohttp.ClientSession(
            connector=connector, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
        )


class _GuardedResolver(AbstractResolver):
    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            address = _literal(one["host"])
            if address is None or not self._outside.may_reach(address):
                raise AddressRefused(f"{host} leads to an address that is not outside")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return None


def _carries_ipv4(address: IpAddress) -> bool:
    """IPv6 addresses of transition mechanisms, behind which any IPv4 address may be."""
    if isinstance(address, ipaddress.IPv4Address):
        return False
    is_nat64 = address in ipaddress.IPv6Network("64:ff9b::/96")
    return is_nat64 or address.sixtofour is not None or address.teredo is not None
