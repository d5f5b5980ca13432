"""A call whose result is stored already, and one whose result is not, on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import provenance as p
from benchmarks import peers
from benchmarks.measure import Pair

_REACH: dict[str, tuple[Callable[[peers.Function, Path], peers.Function], float | None, float | None]] = {
    "joblib.Memory": (peers.by_joblib, 8.0, 4.0),
    "diskcache": (peers.by_diskcache, 2.0, 2.0),
    "cachew": (peers.by_cachew, 200.0, None),
    "redun": (peers.by_redun, 500.0, None),
    "pymandala": (peers.by_mandala, None, None),
}
"""Each peer, and how many times faster hits and misses are to be."""
_SLOW = frozenset({"cachew", "redun", "pymandala"})


def work(a: int, b: float, c: str, d: bool) -> str:  # noqa: FBT001  a scalar argument as others
    """Return a value of 1 KB."""
    del a, b, c, d
    return "x" * 1000


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Hits and misses with four scalar arguments and a value of 1 KB, beside those of each peer."""
    built = p.from_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(folder / "blobs")}},
            "artifact_repos": {"db": {"type": "sqlite", "db": str(folder / "hits.db"), "store": "disk"}},
            "default_repo": "db",
        }
    )
    with p.using_repo(built["default_repo"]), peers.quiet():
        yield [pair for peer in _REACH for pair in _pairs(folder, peer, tiny=tiny)]


def _pairs(folder: Path, peer: str, *, tiny: bool) -> Iterator[Pair]:
    cached_by, hit_reach, miss_reach = _REACH[peer]
    ours, theirs = p.provenance()(work), cached_by(work, folder)
    fresh_ours, fresh_theirs = count(1), count(1)
    repeat = 2 if tiny else 2_000
    peer_repeat = 2 if tiny else 10 if peer in _SLOW else repeat
    ours(0, 2.0, peer, True)  # noqa: FBT003
    theirs(0, 2.0, peer, True)  # noqa: FBT003
    yield Pair(
        "warm hit, 4 scalar arguments, 1 KB value, value read",
        peer,
        lambda: str(ours(0, 2.0, peer, True)),  # noqa: FBT003
        lambda: str(theirs(0, 2.0, peer, True)),  # noqa: FBT003
        repeat,
        hit_reach,
        peer_repeat,
    )
    yield Pair(
        "miss, same",
        peer,
        lambda: ours(next(fresh_ours), 2.0, peer, True),  # noqa: FBT003
        lambda: theirs(next(fresh_theirs), 2.0, peer, True),  # noqa: FBT003
        max(1, repeat // 10),
        miss_reach,
        max(1, peer_repeat // 10),
    )
