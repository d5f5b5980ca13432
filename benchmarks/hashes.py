"""Hash values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import provenance as p
from benchmarks.frames import frame
from benchmarks.measure import Pair

_TINY = 1_000
"""Divides the sizes of values where everything is only run once."""


class _Case(NamedTuple):
    """A value that is made when its turn comes, how often it is hashed for one timing, and what is to be reached."""

    work: str
    make: Callable[[], object]
    repeat: int
    reach: float | None


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[Iterator[Pair]]:
    """Values of several kinds, beside ``joblib.hash``."""
    del folder
    yield map(_pair, _cases(_TINY if tiny else 1))


def _pair(case: _Case) -> Pair:
    value = case.make()
    return Pair(case.work, "joblib.hash", lambda: p.hash(value), lambda: joblib.hash(value), case.repeat, case.reach)


def _cases(divisor: int) -> list[_Case]:
    many, some = 1_000_000 // divisor, 100_000 // divisor
    return [
        *_arrays(13_107_200 // divisor),
        _Case("hash a dict of 4 scalars", lambda: {"a": 1, "b": 2.0, "c": "three", "d": None}, 20_000 // divisor, 15.0),
        _Case("hash 1e6 ints", lambda: list(range(many)), 1, 20.0),
        _Case("hash 1e5 strings", lambda: [f"string {i}" for i in range(some)], 1, 25.0),
        _Case("hash a dict of 1e5 str to float", lambda: {f"key {i}": i / 7 for i in range(some)}, 1, 8.0),
        _Case("hash 1e5 small dicts", lambda: [{"i": i, "x": i / 7, "s": str(i)} for i in range(some)], 1, 15.0),
        _Case("hash a DataFrame of 1e6 rows", lambda: frame(many), 1, 6.0),
        _Case("hash a forest of 100 trees", lambda: _forest(max(1, 100 // divisor)), 1, 3.0),
    ]


def _arrays(count: int) -> list[_Case]:
    """Cases for arrays of so many floats."""
    side = round(count**0.5)
    return [
        _Case("hash float64, 100 MB", lambda: _floats(count), 1, 8.0),
        _Case("hash float64, 1 GB", lambda: _floats(10 * count), 1, 8.0),
        _Case("hash float64, 100 MB, square in Fortran order", lambda: _floats(side, side).T, 1, 4.0),
        _Case("hash float64, 100 MB, 10 columns in Fortran order", lambda: _floats(10, count // 10).T, 1, 4.0),
        _Case("hash float64, 100 MB, every other item", lambda: _floats(2 * count)[::2], 1, 4.0),
        _Case("hash float64, 100 MB, every other column", lambda: _floats(side, 2 * side)[:, ::2], 1, 4.0),
    ]


def _floats(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(0).random(shape)


def _forest(trees: int) -> RandomForestClassifier:
    return RandomForestClassifier(trees, random_state=0).fit(*load_digits(return_X_y=True))
