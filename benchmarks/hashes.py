"""Hash values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np

import provenance as p
from benchmarks.measure import Pair


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Values of several kinds, beside ``joblib.hash``."""
    del folder
    items = 1_000 if tiny else 100_000
    floats = 10_000 if tiny else 13_107_200
    cases: list[tuple[str, object, int, float | None]] = [
        ("hash float64, 100 MB", np.random.default_rng(0).random(floats), 1, 6.0),
        ("hash a dict of 4 scalars", {"a": 1, "b": 2.0, "c": "three", "d": None}, 5 if tiny else 2_000, None),
        ("hash 1e5 strings", [f"string {i}" for i in range(items)], 1, None),
        ("hash 1e5 small dicts", [{"i": i, "x": i / 7, "s": str(i)} for i in range(items)], 1, None),
    ]
    yield [
        Pair(
            work,
            "joblib.hash",
            lambda value=value: p.hash(value),  # type: ignore[misc]
            lambda value=value: joblib.hash(value),  # type: ignore[misc]
            repeat,
            reach,
        )
        for work, value, repeat, reach in cases
    ]
