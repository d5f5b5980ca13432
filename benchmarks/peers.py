"""What else remembers the results of functions, each set up as its documentation says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib

Function = Callable[[int, float, str, bool], Any]


def by_joblib(fn: Function, folder: Path) -> Function:
    """`joblib.Memory`: pickles in files, by a hash of the arguments."""
    cached: Function = joblib.Memory(folder / "joblib", verbose=0).cache(fn)
    return cached


def by_diskcache(fn: Function, folder: Path) -> Function:
    """`diskcache`: pickles in SQLite, by the pickled arguments."""
    from diskcache import Cache  # noqa: PLC0415  peers are imported by who measures them

    cached: Function = Cache(str(folder / "diskcache")).memoize()(fn)
    return cached


def by_cachew(fn: Function, folder: Path) -> Function:
    """`cachew`: JSON in SQLite, by the shown arguments, for functions with annotations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cachew import cachew  # noqa: PLC0415
    cached: Function = cachew(folder / "cachew", force_file=True, logger=logging.getLogger("quiet"))(fn)
    return cached


def by_redun(fn: Function, folder: Path) -> Function:
    """`redun`: a scheduler with records of calls and values in SQLite."""
    from redun import Scheduler, task  # noqa: PLC0415
    from redun.config import Config  # noqa: PLC0415

    logging.getLogger("redun").setLevel(logging.ERROR)
    scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{folder}/redun.db"}}))
    scheduler.load()
    lazy: Any = task(namespace="benchmarks")(fn)
    return lambda a, b, c, d: scheduler.run(lazy(a, b, c, d))


def by_mandala(fn: Function, folder: Path) -> Function:
    """`pymandala`: calls and values in SQLite, by hashes of the arguments."""
    from mandala.imports import Storage, op  # noqa: PLC0415

    storage, recorded = Storage(db_path=str(folder / "mandala.db")), op(fn)

    def call(a: int, b: float, c: str, d: bool) -> object:  # noqa: FBT001  as the others
        with storage:
            return storage.unwrap(recorded(a, b, c, d))

    return call


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what peers log out of the table."""
    logging.getLogger("quiet").setLevel(logging.ERROR)
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
