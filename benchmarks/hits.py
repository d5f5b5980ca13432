"""A call whose result is stored already, and one whose result is not, on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import provenance as p
from benchmarks import peers
from benchmarks.limits import Limit
from benchmarks.measure import Pair

_REACH: dict[str, tuple[Callable[[peers.Function, Path], peers.Function], float | None, float | None]] = {
    "joblib.Memory": (peers.by_joblib, 8.0, 4.0),
    "diskcache": (peers.by_diskcache, 2.0, 2.0),
    "cachew": (peers.by_cachew, 200.0, None),
    "redun": (peers.by_redun, 500.0, None),
    "pymandala": (peers.by_mandala, None, None),
}
"""Each peer, and how many times faster hits and misses are to be."""
_HIT = "warm hit, 4 scalar arguments, 1 KB value, value read"
_MISS = "miss, same"
_SLOW = frozenset({"cachew", "redun", "pymandala"})


def work(a: int, b: float, c: str, d: bool) -> str:  # noqa: FBT001  a scalar argument as others
    """Return a value of 1 KB."""
    del a, b, c, d
    return "x" * 1000


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Hits and misses with four scalar arguments and a value of 1 KB, beside those of each peer and their limits."""
    with p.using_repo(_repo(folder, "hits")), peers.quiet():
        found = [pair for peer in _REACH for pair in _pairs(folder, peer, tiny=tiny)]
        yield [*found, *_limits(folder, tiny=tiny), _lease(_misses(tiny=tiny))]


def _misses(*, tiny: bool) -> int:
    """How many misses are timed at once: so many that each timing has its share of copying the log to the file."""
    return 1 if tiny else 1_000


def _repo(folder: Path, name: str) -> Any:
    built = p.from_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(folder / "blobs")}},
            "artifact_repos": {"db": {"type": "sqlite", "db": str(folder / f"{name}.db"), "store": "disk"}},
            "default_repo": "db",
        }
    )
    return built["default_repo"]


def _pairs(folder: Path, peer: str, *, tiny: bool) -> Iterator[Pair]:
    cached_by, hit_reach, miss_reach = _REACH[peer]
    (hit, miss), theirs = _ours(peer), cached_by(work, folder)
    fresh = count(1)
    repeat = 2 if tiny else 2_000
    peer_repeat = 2 if tiny else 10 if peer in _SLOW else repeat
    theirs(0, 2.0, peer, True)  # noqa: FBT003
    yield Pair(
        _HIT,
        peer,
        hit,
        lambda: str(theirs(0, 2.0, peer, True)),  # noqa: FBT003
        repeat,
        hit_reach,
        peer_repeat,
    )
    yield Pair(
        _MISS,
        peer,
        miss,
        lambda: theirs(next(fresh), 2.0, peer, True),  # noqa: FBT003
        _misses(tiny=tiny),
        miss_reach,
        1 if tiny or peer in _SLOW else None,
    )


def _ours(text: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """A hit and a miss of calls with this argument."""
    cached, fresh = p.provenance()(work), count(1)
    cached(0, 2.0, text, True)  # noqa: FBT003
    return (
        lambda: str(cached(0, 2.0, text, True)),  # noqa: FBT003
        lambda: cached(next(fresh), 2.0, text, True),  # noqa: FBT003
    )


def _limits(folder: Path, *, tiny: bool) -> Iterator[Pair]:
    with p.using_repo(_repo(folder, "limit")):
        _ours("limit")  # which stores the first call
    limit, (hit, miss) = Limit(folder / "limit.db"), _ours("limit")
    yield Pair(_HIT, "limit: look-up", hit, limit.hit, 2 if tiny else 2_000, None)
    yield Pair(_MISS, "limit: statements", miss, limit.miss, _misses(tiny=tiny), None)


def _lease(repeat: int) -> Pair:
    """What a lease costs that nobody else asks for."""
    _, with_lease = _ours("lease")
    _, alone = _ours("no lease")

    def without_lease() -> object:
        p.set_single_flight(False)
        try:
            return alone()
        finally:
            p.set_single_flight(True)

    return Pair(_MISS, "without a lease", with_lease, without_lease, repeat, None)
