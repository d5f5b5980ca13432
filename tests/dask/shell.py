"""A scheduler and workers that are started from the shell, with a wire in between on which bytes are counted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRELOAD = ["--preload", "provenance_dask.preload"]
VARIABLES = {**os.environ, "PYTHONPATH": str(ROOT)}


class Wire:
    """Passes TCP connections on to an address, and counts what goes through in both directions."""

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.bytes = 0
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            there = socket.create_connection(self._target)
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while data := source.recv(1 << 20):
                with self._lock:
                    self.bytes += len(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                hang_up(end)

    def close(self):
        self._server.close()


def hang_up(end):
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def running(arguments, environment, log):
    """A Dask command that runs until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], env=environment, stdout=output, stderr=output, cwd=log.parent
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def shell_cluster(folder, **environment):
    """A scheduler and two workers with the preload; yields the wire that all of them, and clients, are to use."""
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(scheduler(folder, port, **environment))
        wire = Wire(port)
        stack.callback(wire.close)
        stack.enter_context(workers(folder, wire.address, **environment))
        yield wire


@contextmanager
def scheduler(folder, port, **environment):
    """A scheduler with the preload that listens; yields its process."""
    arguments = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", *PRELOAD]
    with running(arguments, {**VARIABLES, **environment}, folder / "scheduler.log") as process:
        await_port(port)
        yield process


@contextmanager
def workers(folder, address, **environment):
    """Two workers with the preload; yields the process that minds them."""
    options = ["--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", *PRELOAD]
    arguments = ["worker", address, *options, "--local-directory", str(folder / "workers")]
    with running(arguments, {**VARIABLES, **environment}, folder / "worker.log") as process:
        yield process


def await_port(port):
    """Return when something listens there."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            threading.Event().wait(0.1)
        else:
            return
    msg = f"nothing listens on port {port}"
    raise TimeoutError(msg)
