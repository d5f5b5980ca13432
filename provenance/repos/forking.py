"""Objects that a forked child must not go on using as its parent left them."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ResetsAfterFork(Protocol):
    """Holds locks, connections or what other processes may have changed."""

    def reset_after_fork(self) -> None:
        """Start anew in a child process, where this thread is the only one."""


_registered: weakref.WeakSet[ResetsAfterFork] = weakref.WeakSet()


def reset_at_fork(obj: ResetsAfterFork) -> None:
    """Have an object reset in every child process that is forked while the object is alive."""
    _registered.add(obj)


def _reset_all() -> None:
    for obj in list(_registered):
        obj.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
