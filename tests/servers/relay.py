"""A relay in front of a PostgreSQL server's Unix socket, that cuts connections where it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.processes import HOST

_CHUNK = 1 << 16


class Relay:
    """A running relay; it passes everything on until it is told to cut a connection, which it does once."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._left: int | None = None
        self._text: bytes | None = None
        self.down = False
        """Whether connections are ended, and new ones are not passed on."""
        self.cuts = 0
        self.seen = 0
        self.sent = 0
        """How often clients have sent something, which is once for each round trip of few bytes."""
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database="provenance_tests"):
        return f"postgresql://postgres@{HOST}:{self.port}/{database}"

    def cut_after(self, count: int) -> None:
        """Cut the connection that brings the byte with this number from a client, counted from now on."""
        self._left = count

    def drop_answer_to(self, text: bytes) -> None:
        """Pass on the message with this text, wait for the answer, and cut the connection instead of giving it."""
        self._text = text

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        if self.down:
            client.close()
            return
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._target))
            answered = _Answers(server, client)
            threading.Thread(target=answered.run, daemon=True).start()
            with suppress(OSError):
                self._forward(client, server, answered)
            for end in (server, client):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answered.ended.wait(10)

    def _forward(self, client: socket.socket, server: socket.socket, answers: _Answers) -> None:
        while data := client.recv(_CHUNK):
            self.seen += len(data)
            self.sent += 1
            if self.down:
                return
            if self._text is not None and self._text in data:
                self._text = None
                self.cuts += 1
                answers.muted.set()
                server.sendall(data)
                answers.came.wait(10)
                return
            if self._left is not None:
                if len(data) >= self._left:
                    kept, self._left = data[: self._left], None
                    self.cuts += 1
                    server.sendall(kept)
                    return
                self._left -= len(data)
            server.sendall(data)


class _Answers:
    """Passes on what the server says, unless it is muted."""

    def __init__(self, server: socket.socket, client: socket.socket) -> None:
        self._server, self._client = server, client
        self.muted, self.came, self.ended = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(_CHUNK):
                if self.muted.is_set():
                    self.came.set()
                else:
                    self._client.sendall(data)
        self.ended.set()
        self.came.set()
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(target: Path) -> Iterator[Relay]:
    """Run a relay in front of a Unix socket."""
    running = Relay(target)
    try:
        yield running
    finally:
        running.close()
