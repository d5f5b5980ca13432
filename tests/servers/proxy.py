"""Proxies of the tests' own, which count what passes through them and do harm to it when asked to."""

from __future__ import annotations

import contextlib
import http.client
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.servers.processes import HOST


@dataclass
class Fault:
    """Harm that is done to the next requests that fit.

    `kind` is ``"drop"`` (the connection is closed before the request reaches the server), ``"drop answer"`` (after the
    server has done it), ``"cut"`` (half of the answer is sent), ``"flip"`` (a bit of the request's body is changed),
    or the status to answer with; `body` goes with that.
    """

    kind: str | int
    times: int
    fits: Callable[[str], bool]
    body: bytes = b""
    done: int = 0


@dataclass
class HttpProxy:
    """Stands in front of one HTTP server.

    Attributes
    ----------
    requests : list of str
        Method and path of every request, in order, as in ``"PUT /bucket/key"``.
    delay : float
        Seconds that every request takes longer.
    most_at_once : int
        How many requests have been under way at the same time.
    """

    target: str
    endpoint: str = ""
    delay: float = 0.0
    most_at_once: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    requests: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fail(
        self, kind: str | int, times: int = 1, only: str = "", body: bytes = b"", fits: Callable | None = None
    ) -> Fault:
        """Do harm to the next `times` requests whose method and path contain `only`."""
        fault = Fault(kind, times, fits or (lambda request: only in request), body)
        self.faults.append(fault)
        return fault

    def reset(self) -> None:
        """Forget what was seen, and do no more harm."""
        self.delay = 0.0
        self.most_at_once = 0
        for each in (self.requests, self.heads, self.bodies, self.faults):
            each.clear()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count a request that is under way."""
        with self.lock:
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            yield
        finally:
            with self.lock:
                self.under_way -= 1

    def _fault(self, request: str) -> Fault | None:
        for fault in self.faults:
            if fault.done < fault.times and fault.fits(request):
                fault.done += 1
                return fault
        return None


@contextmanager
def http_proxy(target: str) -> Iterator[HttpProxy]:
    """Start a proxy in front of the server at the URL `target`."""
    proxy = HttpProxy(target)
    server = _Server((HOST, 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.endpoint = f"http://{HOST}:{server.server_address[1]}"
    with _serving(server):
        yield proxy


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    proxy: HttpProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        body = self._body()
        request = f"{self.command} {self.path}"
        proxy = self.proxy
        proxy.requests.append(request)
        proxy.heads.append({name.lower(): value for name, value in self.headers.items()})
        proxy.bodies.append(len(body))
        if proxy.delay:
            time.sleep(proxy.delay)
        fault = proxy._fault(request)
        kind = None if fault is None else fault.kind
        if kind == "drop":
            self.close_connection = True
            return
        if isinstance(kind, int):
            self._answer(kind, [("Content-Type", "application/xml")], fault.body if fault else b"")
            return
        if kind == "flip":
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        status, headers, answer = self._ask(body)
        if kind == "drop answer":
            self.close_connection = True
            return
        self._answer(status, headers, answer, cut=kind == "cut")

    def _pass_on_counted(self) -> None:
        with self.proxy.counting():
            self._pass_on()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._pass_on_counted
        raise AttributeError(name)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.proxy.target).netloc, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"transfer-encoding", "content-length", "expect", "connection"}:
                    connection.putheader(name, value)
            if body or self.command in {"PUT", "POST"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length":
                length = value if self.command == "HEAD" else length
            elif name.lower() not in {"transfer-encoding", "connection"}:
                self.send_header(name, value.replace(self.proxy.target, self.proxy.endpoint))
        if status not in {204, 304}:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class TcpProxy:
    """Stands in front of one TCP server.

    Attributes
    ----------
    connections : int
        How many there were.
    cut_after : list of int
        For each of the next connections, after how many bytes from the client it is cut.
    on_bytes : tuple of int and callable, optional
        What to call once a connection has brought so many bytes from the client.
    """

    target: int
    port: int = 0
    connections: int = 0
    cut_after: list[int] = field(default_factory=list)
    on_bytes: tuple[int, Callable[[], object]] | None = None


@contextmanager
def tcp_proxy(target: int) -> Iterator[TcpProxy]:
    """Start a proxy in front of the server at the port `target`."""
    proxy = TcpProxy(target)
    server = _TcpServer((HOST, 0), type("Relay", (_Relay,), {"proxy": proxy}))
    proxy.port = server.server_address[1]
    with _serving(server):
        yield proxy


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up."""


class _Relay(socketserver.BaseRequestHandler):
    proxy: TcpProxy

    def handle(self) -> None:
        self.proxy.connections += 1
        left = self.proxy.cut_after.pop(0) if self.proxy.cut_after else None
        with socket.create_connection((HOST, self.proxy.target)) as upstream:
            back = threading.Thread(target=self._pump, args=(upstream, self.request), daemon=True)
            back.start()
            count = 0
            while data := self.request.recv(1 << 16):
                count += len(data)
                if self.proxy.on_bytes is not None and count >= self.proxy.on_bytes[0]:
                    call, self.proxy.on_bytes = self.proxy.on_bytes[1], None
                    call()
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                upstream.sendall(data)
                if left == 0:
                    break
            with contextlib.suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            back.join()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
