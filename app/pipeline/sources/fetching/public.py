"""A transport that reaches public addresses only: links in strangers' pages must not lead into our network."""

import ipaddress
import socket
from typing import Final

import anyio
import httpx

MAY_BE_PRIVATE: Final = "may_be_private"
"""Request extension: true for an address that the operator wrote down, which is reached wherever it is."""

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddressError(httpx.ConnectError):
    """The host's name leads to an address that is not public."""


class PublicTransport(httpx.AsyncBaseTransport):
    """Resolves the host, refuses it unless all its addresses are public, and connects to one of those.

    Connecting to the very address that was checked leaves no room for a name that resolves differently the
    second time (DNS rebinding). TLS still verifies the host's name.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        """Send requests through `inner`, which must not keep connections alive.

        Two hosts behind one address would share a connection, and with it the certificate of the first.
        """
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to a public address of its host.

        Raises:
            PrivateAddressError: one of the host's addresses is not public.
            httpx.TransportError: no address answers.
        """
        if request.extensions.get(MAY_BE_PRIVATE):
            return await self._inner.handle_async_request(request)
        addresses = await _resolve(request.url.host, request.url.port)
        if not all(map(is_public, addresses)):
            raise PrivateAddressError(f"{request.url.host} is not a public address", request=request)
        failure: httpx.TransportError | None = None
        for address in addresses:
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or httpx.ConnectError("its host name is not known", request=request)

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


def is_public(address: _IPAddress) -> bool:
    """Whether the address can be reached from everywhere and leads to one machine outside our networks."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address.sixtofour or address.teredo or address in _NAT64:
            return False  # a tunnel to an IPv4 address of somebody's choice
    return address.is_global and not address.is_multicast


async def _resolve(host: str, port: int | None) -> list[_IPAddress]:
    try:
        found = await anyio.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError("its host name is not known") from error
    # A link-local IPv6 address carries its interface after a percent sign.
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _pinned(request: httpx.Request, address: _IPAddress) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
