"""A call that waits for another one can do without its thread meanwhile: whoever lends it one may use it for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

GoOn: TypeAlias = Callable[[bool], object]
"""Is called when the wait is over, and told whether the call computes now, for which it may wait for a thread."""
Lend: TypeAlias = Callable[[], GoOn]
"""Is called by the thread that is about to wait."""


def _keep() -> GoOn:
    return lambda _: None


_lend: Lend = _keep


def lend_threads(lend: Lend) -> None:
    """Register, for the process, what is done around the time for which a thread waits."""
    global _lend  # noqa: PLW0603  set once, by a plugin
    _lend = lend


def lend_thread() -> GoOn:
    """Let others have this thread, which is about to wait."""
    return _lend()
