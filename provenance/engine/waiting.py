"""Around the time for which a call waits for another one: whoever lends it a thread may lend that out meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import TypeAlias

Around: TypeAlias = Callable[[], AbstractContextManager[object]]

_around: ContextVar[Around] = ContextVar("provenance_waiting", default=nullcontext)


def waiting() -> AbstractContextManager[object]:
    """What is to be entered before this context's code begins to wait, and left when it goes on."""
    return _around.get()()


class waiting_inside:  # noqa: N801  reads as a statement: with waiting_inside(make)
    """Let calls made inside a ``with`` block enter a context manager, which `make` makes, while they wait."""

    __slots__ = ("_make", "_token")

    def __init__(self, make: Around) -> None:
        self._make = make

    def __enter__(self) -> None:
        self._token = _around.set(self._make)

    def __exit__(self, *exc_info: object) -> None:
        _around.reset(self._token)
