"""Servers of the tests' own: programs on ports of 127.0.0.1, and temporary folders, that are gone afterwards."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
_SECONDS_TO_START = 30.0
_LONGEST_PLACE = 60


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder with a short path: those of Unix sockets have to be shorter than pytest's folders may be."""
    place = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=place if len(place) < _LONGEST_PLACE else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def free_ports(count: int, host: str = HOST) -> list[int]:
    """Ports that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(command: Sequence[object], folder: Path, ready: Callable[[], bool], **options) -> Iterator[None]:
    """Run a program while the block lasts, from when it is `ready`; what it prints is shown if it never is."""
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )
        try:
            until = time.monotonic() + _SECONDS_TO_START
            while not ready():
                if process.poll() is not None or time.monotonic() > until:
                    output.seek(0)
                    raise RuntimeError(f"{command[0]} did not start: {output.read()[-3000:]}")
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
