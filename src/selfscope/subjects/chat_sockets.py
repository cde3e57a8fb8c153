"""Connections whose every step ends at one deadline, and that can be dropped from another thread.

A client's timeouts are for one silence each, so that a server that sends a byte a second never meets one. Here looking
up the name, connecting, the handshake, and each piece that is written or read get what is left of the answer's time.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from selfscope.errors import ServerError

_KINDS = ("http", "https", "socks5", "socks5h")
_PROXIES = (
    "Set ALL_PROXY, HTTPS_PROXY or HTTP_PROXY to http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, unset "
    "them, or name the server in NO_PROXY"
)
LOOK = 0.1  # seconds between two looks whether a name that is being looked up is still wanted


class Sockets(httpcore.NetworkBackend):
    """Makes connections for many threads. `begin` sets the deadline of what the calling thread does next."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._plain = httpcore.SyncBackend()
        self._mine = threading.local()
        self._open: dict[Stream, None] = {}

    def begin(self, seconds: float) -> None:
        """The calling thread has so many seconds from now on."""
        self._mine.end = time.monotonic() + seconds

    def left(self, late: type[Exception]) -> float:
        """Seconds that the calling thread has; raises `late` where it has none, or all was dropped."""
        seconds: float = self._mine.end - time.monotonic()
        if seconds <= 0 or self._stopped.is_set():
            raise late("the time for the answer is over")
        return seconds

    def drop(self) -> None:
        """Ends all connections: a thread that waits for one goes on at once."""
        for stream in list(self._open):
            stream.drop()

    def keep(self, stream: httpcore.NetworkStream) -> Stream:
        kept = Stream(stream, self)
        self._open[kept] = None
        return kept

    def forget(self, stream: Stream) -> None:
        self._open.pop(stream, None)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        refused: httpcore.ConnectError | None = None
        for address in self._addresses(host, port):
            late = self.left(httpcore.ConnectTimeout)
            try:
                return self.keep(self._plain.connect_tcp(address, port, late, local_address, socket_options))
            except httpcore.ConnectError as error:
                refused = error
        raise refused or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        """Looked up in a thread of its own: nothing ends a look-up."""
        found: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def look() -> None:
            try:
                known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.put(list(dict.fromkeys(str(address[0]) for *_, address in known)))
            except (OSError, UnicodeError) as error:
                found.put(error)

        threading.Thread(target=look, daemon=True).start()
        while True:
            late = self.left(httpcore.ConnectTimeout)
            try:
                addresses = found.get(timeout=min(late, LOOK))
            except queue.Empty:
                continue
            if isinstance(addresses, Exception):
                raise httpcore.ConnectError(str(addresses))
            return addresses


class Stream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.NetworkStream, sockets: Sockets) -> None:
        self._stream, self._sockets = stream, sockets

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._sockets.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        step = 1 << 16
        for start in range(0, len(buffer), step):
            self._stream.write(buffer[start : start + step], self._sockets.left(httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._sockets.forget(self)
        late = self._sockets.left(httpcore.ConnectTimeout)
        return self._sockets.keep(self._stream.start_tls(ssl_context, server_hostname, late))

    def close(self) -> None:
        self._sockets.forget(self)
        self._stream.close()

    def drop(self) -> None:
        try:
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def pool_of(url: str, sockets: Sockets, *, proxied: bool) -> httpcore.ConnectionPool:
    """Connections to a server, through the proxy that the environment names for it. Certificates are checked, and no
    redirect is followed. Raises ServerError for a proxy of another kind than HTTP and SOCKS 5."""
    proxy = _proxy(url) if proxied else ""
    encrypted = "https:" in (url[:6], proxy[:6])
    settings: dict[str, Any] = {
        "ssl_context": httpcore.default_ssl_context() if encrypted else None,  # it reads all certificates
        "max_connections": None,
        "max_keepalive_connections": 64,
        "network_backend": sockets,
    }
    if not proxy:
        return httpcore.ConnectionPool(**settings)
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, _ = parts.hostname, parts.port  # a port that is none is a ValueError
    except ValueError:
        host = None
    if not host or parts.scheme not in _KINDS:
        raise ServerError(f"the environment names a proxy that cannot be used. {_PROXIES}")
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if not parts.scheme.startswith("socks"):
        return httpcore.HTTPProxy(proxy_url=address, proxy_auth=login, **settings)
    try:
        return httpcore.SOCKSProxy(proxy_url=address, proxy_auth=login, **settings)
    except (ImportError, RuntimeError):
        raise ServerError(
            f"the environment names a proxy that begins with {parts.scheme}://, and the package socksio is missing: "
            "pip install socksio. Or set HTTPS_PROXY to an http:// proxy, or name the server in NO_PROXY"
        ) from None


def _proxy(url: str) -> str:
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return ""
    known = getproxies()
    return known.get(parts.scheme) or known.get("all", "")
