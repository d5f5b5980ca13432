"""A task that waits for a result that another one computes leaves its thread to other tasks of its worker."""

from __future__ import annotations

from contextvars import ContextVar

from provenance import engine
from provenance_dask import _compat

_is_one_call: ContextVar[bool] = ContextVar("provenance_dask_is_one_call", default=False)


class one_call:  # noqa: N801  reads as a statement: with one_call()
    """Say that the running task does nothing but the one call that is made inside a ``with`` block."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _is_one_call.set(True)

    def __exit__(self, *exc_info: object) -> None:
        _is_one_call.reset(self._token)


def _lend() -> engine.GoOn:
    if not _compat.leave_pool():
        return _ignore
    if _is_one_call.get() and engine.current_frame() is None:
        return _join_to_compute
    return _join


def _ignore(_: bool) -> None:  # noqa: FBT001  the signature is the engine's
    """Nothing was lent: the thread is none of a pool."""


def _join(_: bool) -> None:  # noqa: FBT001
    _compat.join_pool()


def _join_to_compute(computes: bool) -> None:  # noqa: FBT001
    """Take a place only if there is work to do: a task that has its result ends in any thread."""
    if computes:
        _compat.join_pool()


engine.lend_threads(_lend)
