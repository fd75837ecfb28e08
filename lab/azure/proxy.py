"""The CONNECT proxy, the only way into the lab's Azure. It refuses all other hosts, so no request leaves the machine."""

import asyncio
import base64
import binascii
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from lab.azure.certificates import Certificates

HEAD_LIMIT = 16 * 1024


@dataclass(frozen=True)
class Refusal:
    """Why a host cannot be reached. 403: the proxy allows Azure's hosts only. 502: there is no such host."""

    status: int
    reason: str


class Proxy:
    """Terminates the TLS of each tunnel and gives the connection to the HTTP server, without a second socket."""

    def __init__(
        self,
        certificates: Certificates,
        server: web.Server,
        refusal_for: Callable[[str], Refusal | None],
        clients: dict[object, str],
    ) -> None:
        """`clients` is kept up to date: by the address of each connection, the user that its CONNECT request named."""
        self._certificates = certificates
        self._server = server
        self.refusal_for = refusal_for
        self._clients = clients
        self._tunnels: set[asyncio.Task[None]] = set()

    async def start(self) -> asyncio.Server:
        """Listen on a free port of the loopback interface."""
        return await asyncio.get_running_loop().create_server(
            lambda: _ConnectRequest(self), "127.0.0.1", 0, backlog=1024
        )

    def open(self, transport: asyncio.Transport, host: str, client: str) -> None:
        self._clients[transport.get_extra_info("peername")] = client
        task = asyncio.get_running_loop().create_task(self._tunnel(transport, host))
        self._tunnels.add(task)
        task.add_done_callback(self._tunnels.discard)

    async def _tunnel(self, transport: asyncio.Transport, host: str) -> None:
        early = _EarlyData()
        try:
            secure = await asyncio.get_running_loop().start_tls(
                transport, early, self._certificates.server_context(host), server_side=True
            )
        except (ssl.SSLError, OSError):
            transport.abort()  # the client does not trust the lab's authority, or has disconnected
            return
        if secure is None:
            return
        early.hand_over(secure, self._server())


class _EarlyData(asyncio.Protocol):
    """Buffers what the client sends right after its handshake, until the HTTP protocol takes over."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lost = False

    def data_received(self, data: bytes) -> None:
        self._data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        if self._lost:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._data:
            protocol.data_received(bytes(self._data))


class _ConnectRequest(asyncio.Protocol):
    """Reads the CONNECT request that opens a tunnel."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, _ = self._data.partition(b"\r\n\r\n")
        transport = self._transport
        if transport is None or (not end and len(self._data) < HEAD_LIMIT):
            return
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        if method != "CONNECT":
            self._refuse(transport, Refusal(403, f"the lab's proxy opens tunnels (CONNECT) only, not {method}"))
            return
        host, _, port = target.rpartition(":")
        host = host.lower().rstrip(".")
        refusal = self._proxy.refusal_for(host)
        if port != "443":
            refusal = Refusal(403, f"the lab's proxy reaches port 443 only, not {target}")
        if refusal is not None:
            self._refuse(transport, refusal)
            return
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._proxy.open(transport, host, _user(head.decode("latin-1")))

    def _refuse(self, transport: asyncio.Transport, refusal: Refusal) -> None:
        text = refusal.reason.encode() + b"\n"
        reason = {403: "Forbidden", 502: "Bad Gateway"}[refusal.status]
        transport.write(
            f"HTTP/1.1 {refusal.status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
            + text
        )
        transport.close()


def _user(head: str) -> str:
    """The user of `Proxy-Authorization: Basic …` (RFC 9110, 11.7.2). The lab asks nobody for one."""
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        scheme, _, encoded = value.strip().partition(" ")
        if name.casefold() == "proxy-authorization" and scheme.casefold() == "basic":
            try:
                return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return ""
    return ""
