"""A call whose result is stored already, and one whose result is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import joblib

import provenance as p
from benchmarks.measure import Pair


def work(a: int, b: float, c: str, d: object) -> str:
    """Return a value of 1 KB."""
    del a, b, c, d
    return "x" * 1000


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Hits and misses on SQLite with four scalar arguments, beside ``joblib.Memory``."""
    built = p.from_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(folder / "blobs")}},
            "artifact_repos": {"db": {"type": "sqlite", "db": str(folder / "hits.db"), "store": "disk"}},
            "default_repo": "db",
        }
    )
    ours = p.provenance()(work)
    theirs = joblib.Memory(folder / "joblib", verbose=0).cache(work)
    fresh_ours, fresh_theirs = count(1), count(1)
    with p.using_repo(built["default_repo"]):
        ours(0, 2.0, "c", None)
        theirs(0, 2.0, "c", None)
        repeat = 5 if tiny else 300
        yield [
            Pair(
                "warm hit, 4 scalar arguments, 1 KB value, value read",
                "joblib.Memory",
                lambda: str(ours(0, 2.0, "c", None)),
                lambda: str(theirs(0, 2.0, "c", None)),
                repeat,
                4.0,
            ),
            Pair(
                "miss, same",
                "joblib.Memory",
                lambda: ours(next(fresh_ours), 2.0, "c", None),
                lambda: theirs(next(fresh_theirs), 2.0, "c", None),
                repeat // 5,
                None,
            ),
        ]
