"""Some work for each of many items, several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

_SHOWN = 5
_this_thread = threading.local()


def for_each(work: Callable[[T], R], items: Iterable[T], *, at_once: int) -> list[R]:
    """Do some work for each item and return the results in the order of the items.

    Items are taken from their iterable when there is room for them, so no more than `at_once` are held. Once one has
    failed no other is started; those that are under way are finished. The threads end with the call: none is left
    that a forked process would miss.

    Parameters
    ----------
    work : callable
        What is done; it must be thread-safe if `at_once` is more than 1. It sees the context variables of the caller.
    items : iterable
        What it is done for.
    at_once : int
        How many of them may be under way at the same time. With 1, inside of the work of another call, and when the
        interpreter ends, all is done in the calling thread.

    Raises
    ------
    Exception
        What the first item, in their order, raised that failed; a note tells what others failed with.
    """
    # Once the main thread has ended, as it has for what runs at exit, no thread can be started.
    if at_once == 1 or getattr(_this_thread, "works", False) or not threading.main_thread().is_alive():
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  loaded when first used

    with ThreadPoolExecutor(at_once, "provenance", _mark_thread) as pool:
        futures = _started(work, items, pool, at_once)
    failures = [exc for exc in (future.exception() for future in futures) if exc is not None]
    if failures:
        raise _noted(failures)
    return [future.result() for future in futures]


def _mark_thread() -> None:
    _this_thread.works = True


def _started(work: Callable[[T], R], items: Iterable[T], pool: ThreadPoolExecutor, at_once: int) -> list[Future[R]]:
    """Start the items one after the other, as long as none has failed."""
    from contextvars import copy_context  # noqa: PLC0415  loaded when first used

    room = threading.Semaphore(at_once)
    failed = threading.Event()
    futures: list[Future[R]] = []

    def ended(future: Future[Any]) -> None:
        if future.exception() is not None:
            failed.set()
        room.release()

    waiting = iter(items)
    while True:
        room.acquire()
        if failed.is_set():
            return futures
        try:
            item = next(waiting)
        except StopIteration:
            return futures
        future = pool.submit(copy_context().run, work, item)
        future.add_done_callback(ended)
        futures.append(future)


def _noted(failures: list[BaseException]) -> BaseException:
    first, *others = failures
    if others:
        shown = "".join(f"\n- {type(exc).__name__}: {exc}" for exc in others[:_SHOWN])
        more = f"\n- and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        first.add_note(f"{len(others)} of what was under way failed too:{shown}{more}")
    return first
