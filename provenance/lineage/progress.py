"""How far a transfer has come: told to a function, or shown as a line on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TextIO, TypeAlias

_BAR = 24
_REDRAWN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer has come.

    Attributes
    ----------
    artifacts, artifacts_total : int
        Artifacts stored in the other repo, and all that were missing there.
    blobs, blobs_total : int
        Blobs of these artifacts that are in the other store, whether they had to be sent or not, and all of them.
    bytes, bytes_total : int
        The same in bytes.
    """

    artifacts: int
    artifacts_total: int
    blobs: int
    blobs_total: int
    bytes: int
    bytes_total: int


Report: TypeAlias = Callable[[Progress], object]


@contextmanager
def reporting(progress: Report | bool | None, title: str) -> Iterator[Report | None]:  # noqa: FBT001  True is a bar
    """What is told of progress: the function that was given; for True, a line on standard error; for False, nobody."""
    if callable(progress):
        yield progress
    elif progress:
        bar = Bar(title, sys.stderr)
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield None


class Bar:
    """A line that shows progress; where nobody watches, as in a log, it is written once at the end."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title = title
        self._stream = stream
        self._is_watched = stream.isatty()
        self._drawn_at = -_REDRAWN_SECONDS
        self._line = ""

    def __call__(self, progress: Progress) -> None:
        """Show it, unless something was shown just now."""
        self._line = f"{self._title} {_bar(progress)} {_counts(progress)}"
        now = monotonic()
        if self._is_watched and now - self._drawn_at >= _REDRAWN_SECONDS:
            self._drawn_at = now
            self._stream.write(f"\r{self._line}\x1b[K")
            self._stream.flush()

    def close(self) -> None:
        """Show what was told last, and end the line."""
        if self._line:
            self._stream.write(f"\r{self._line}\x1b[K\n" if self._is_watched else f"{self._line}\n")
            self._stream.flush()


def _bar(progress: Progress) -> str:
    total = progress.artifacts_total + progress.blobs_total
    done = progress.artifacts + progress.blobs
    filled = _BAR * done // total if total else _BAR
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"


def _counts(progress: Progress) -> str:
    sizes = f"{_megabytes(progress.bytes)}/{_megabytes(progress.bytes_total)} MB"
    return f"{progress.artifacts}/{progress.artifacts_total} artifacts, {sizes}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
