"""Trees of calls that do nothing, on a cluster of two processes: what it costs to run them, and not to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import joblib
from dask.delayed import delayed

import provenance as p
import provenance_dask as pd
from benchmarks.measure import Pair

_LEAVES, _MORE_LEAVES = 5_002, 50_002


def leaf(number: int, salt: int) -> int:
    """Return the number; another salt makes it another call."""
    del salt
    return number


def both(left: int, right: int) -> int:
    """Return what differs for different pairs of leaves, so that no call turns out to be known."""
    return left * 1_000_003 + right & 0xFFFFFFFF


lazy_leaf, lazy_both = pd.provenance(name="bench_leaf")(leaf), pd.provenance(name="bench_both")(both)


def tree(leaves: int, make: Callable[[int], Any], join: Callable[[Any, Any], Any]) -> Any:
    """The root of a tree of ``2 * leaves - 1`` calls."""
    level = [make(number) for number in range(leaves)]
    while len(level) > 1:
        odd = level[len(level) & ~1 :]
        level = [join(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)] + odd
    return level[0]


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Trees of 10,003 calls beside ``dask.delayed`` and ``joblib.Memory``, and one of 100,003 calls."""
    from distributed import Client, LocalCluster  # noqa: PLC0415  takes long, and other groups do without

    p.load_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(folder / "blobs")}},
            "artifact_repos": {"db": {"type": "sqlite", "db": str(folder / "graphs.db"), "store": "disk"}},
            "default_repo": "db",
        }
    )
    leaves, more = (6, 60) if tiny else (_LEAVES, _MORE_LEAVES)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield list(_pairs(folder, leaves, more, client))


def _pairs(folder: Path, leaves: int, more: int, client: Any) -> Iterator[Pair]:
    salts = count(1)
    memory = joblib.Memory(folder / "joblib", verbose=0)
    stored_leaf, stored_both = delayed(memory.cache(leaf)), delayed(memory.cache(both))
    plain_leaf, plain_both = delayed(leaf), delayed(both)

    def built(leaves: int, salt: int = -1) -> Any:
        return tree(leaves, lambda number: lazy_leaf(number, salt), lazy_both)

    def ours(salt: int) -> Any:
        return built(leaves, salt).compute()

    def remembered() -> object:
        return tree(leaves, lambda number: stored_leaf(number, 0), stored_both).compute()

    def plain() -> object:
        return tree(leaves, lambda number: plain_leaf(number, 0), plain_both).compute()

    def planned(leaves: int) -> object:
        return pd.plan(built(leaves, -2)).undecided

    def plainly_built() -> object:
        return tree(leaves, lambda number: plain_leaf(number, 0), plain_both)

    kept: list[object] = []  # so that taking a graph to pieces is not timed

    def nothing() -> object:
        return client.gather(client.map(int, range(2 * leaves - 1), pure=False))

    def again(leaves: int) -> object:
        return built(leaves).compute()

    size = f"{2 * leaves - 1:,} calls"
    times = round(more / leaves)
    yield Pair(
        f"{size}: built",
        "delayed, built",
        lambda: kept.append(built(leaves)),
        lambda: kept.append(plainly_built()),
        1,
        20.0,
        before=kept.clear,
    )
    stored = ours(0).artifact
    results = {str(stored.value), str(remembered()), str(plain())}
    assert len(results) == 1, results  # noqa: S101  the three do the same
    p.get_default_repo().add_recipes({built(count).step.recipe: stored.id for count in (leaves, more)})
    yield Pair(f"{size}: all stored, built and looked up", "delayed, run", lambda: ours(0), plain, 1, 150.0)
    yield Pair(f"{size}: all stored, built and looked up", "joblib, stored", lambda: ours(0), remembered, 1, 150.0)
    yield Pair(f"{size}: none stored, run", "delayed, run", lambda: ours(next(salts)), plain, 1, 1 / 1.25)
    yield Pair(f"{size}: none stored, run", "limit: no-op tasks", lambda: ours(next(salts)), nothing, 1, None)
    for work, do in (("built", built), ("none stored, planned", planned), ("all stored, built and looked up", again)):
        yield Pair(
            f"{2 * more - 1:,} calls: {work}",
            f"{times} x {size}",
            lambda do=do: do(more),  # type: ignore[misc]
            lambda do=do: [do(leaves) for _ in range(times)],  # type: ignore[misc]
            1,
            1 / 1.3,
        )
