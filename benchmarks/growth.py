"""What one item costs as repos and graphs grow: ``python -m benchmarks.growth``.

Each size is measured in turn with the smallest one, so that a machine whose speed drifts slows both.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import platform
import random
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import provenance as p
import provenance_dask as pd
from benchmarks.dask_graphs import lazy_both, lazy_leaf, tree
from benchmarks.search import fill
from provenance import engine
from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft
from provenance.types import ArtifactId

MOST = 1.3
"""How many times as much an item may cost at the largest size as at the smallest."""
LIMIT = "limit:"
"""How the name of a series begins that is measured to compare others with."""
Timed = float
"""Seconds for one item."""
Work = Callable[[], Timed]
"""Does something for some items, and returns what one took."""


@dataclass(frozen=True, slots=True)
class Series:
    """Seconds for one item at each size, and how many times those at the smallest size, both as medians."""

    work: str
    of: str
    sizes: list[int]
    seconds: list[float]
    ratios: list[float]

    @property
    def grown(self) -> float:
        """How many times as much an item costs at the largest size."""
        return self.ratios[-1]

    @property
    def verdict(self) -> str:
        """Whether that is little enough, if it is to be."""
        if self.work.startswith(LIMIT):
            return ""
        return f", <= {MOST} {'reached' if self.grown <= MOST else 'not reached'}"


def measure(work: str, of: str, works: Sequence[tuple[int, Work]], rounds: int) -> Series:
    """Time each size in turn with the smallest."""
    (smallest, reference), *_ = works
    sizes, seconds, ratios = [], [], []
    for size, do in works:
        timings = [(do(), reference()) for _ in range(rounds + 1)][1:]
        sizes.append(size)
        seconds.append(statistics.median(own for own, _ in timings))
        ratios.append(1.0 if size == smallest else statistics.median(own / small for own, small in timings))
    return Series(work, of, sizes, seconds, ratios)


def timed(do: Callable[[], object], items: int) -> Timed:
    """Do something for so many items, and return what one took."""
    gc.collect()
    started = perf_counter()
    do()
    return (perf_counter() - started) / items


def _text(number: int) -> str:
    """Return a value of 1 KB."""
    return f"{number:1000}"


def _cached() -> Callable[[int], object]:
    """A cached function that was not called in this process."""
    return p.provenance(name="text")(_text)


_SPEC: Any = engine.spec_of(_cached())


def _id_of(number: int) -> ArtifactId:
    return engine.artifact_id(_SPEC, engine.resolve_inputs(_SPEC, {"number": number}, (), None).digests)


@contextmanager
def _repos(folder: Path, sizes: Sequence[int]) -> Iterator[dict[int, SqlRepo]]:
    """Repos that hold the calls of 0 and more."""
    made = {size: SqlRepo(folder / f"{size}.db", MemoryStore(), name=f"{size} artifacts") for size in sizes}
    cached: Any = _cached()
    for size, repo in made.items():
        with p.using_repo(repo):
            fill(repo, size, cached(-1).artifact.record, _id_of)
    yield made
    for repo in made.values():
        repo.close()


def of_repos(folder: Path, *, tiny: bool, rounds: int) -> list[Series]:
    """Hits past the memory of the process, and puts, in repos of a thousand to a million artifacts.

    The hits are those of a process that begins: neither records nor arguments were seen in it. What SQLite alone needs
    for a look-up shows how much of it is the database's.
    """
    sizes = (10, 30) if tiny else (1_000, 10_000, 100_000, 1_000_000)
    items = 3 if tiny else 300
    fresh = itertools.count()
    with _repos(folder, sizes) as repos, ExitStack() as stack:
        raw = {size: stack.enter_context(closing(sqlite3.connect(folder / f"{size}.db"))) for size in sizes}

        def numbers(size: int) -> list[int]:
            return [random.randrange(size) for _ in range(items)]  # noqa: S311  no secret

        def hit(size: int) -> Timed:
            cached = _cached()
            asked = numbers(size)
            with p.using_repo(repos[size]):
                cached(-1)  # which prepares the function
                repos[size].forget_records()
                return timed(lambda: [str(cached(number)) for number in asked], items)

        def look_up(size: int) -> Timed:
            keys = [(_id_of(number),) for number in numbers(size)]
            execute, asked = raw[size].execute, "SELECT * FROM artifacts WHERE id = ?"
            return timed(lambda: [execute(asked, key).fetchone() for key in keys], items)

        def put(size: int) -> Timed:
            drafts = [a_draft(("fresh", next(fresh)), "x" * 1000) for _ in range(items)]
            return timed(lambda: [repos[size].save(draft) for draft in drafts], items)

        works = (("hit", hit), (f"{LIMIT} look-up by sqlite3", look_up), ("put", put))
        return [
            measure(work, "artifacts in the repo", [(size, partial(do, size)) for size in sizes], rounds)
            for work, do in works
        ]


def of_graphs(folder: Path, *, tiny: bool, rounds: int) -> list[Series]:
    """Building a tree of calls, and resolving it where nothing is stored."""
    sizes = (10, 30) if tiny else (1_000, 10_000, 100_000)
    salts = itertools.count(1)

    def built(size: int) -> object:
        salt = next(salts)
        return tree((size + 1) // 2, lambda number: lazy_leaf(number, salt), lazy_both)

    def build(size: int) -> Timed:
        return timed(lambda: built(size), size)

    def resolve(size: int) -> Timed:
        return timed(lambda: pd.plan(built(size)), size)

    with p.using_repo(SqlRepo(folder / "graphs.db", MemoryStore())):
        return [
            measure(work, "calls in the graph", [(size, partial(do, size)) for size in sizes], rounds)
            for work, do in (("build", build), ("build and resolve", resolve))
        ]


def draw(series: Sequence[Series], path: Path) -> None:
    """Draw what an item costs at each size."""
    import matplotlib as mpl  # noqa: PLC0415  takes a second to import

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "provenance", "font.size": 9})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, of in zip(axes, dict.fromkeys(one.of for one in series), strict=True):
        for one, marker in zip((one for one in series if one.of == of), "o^s", strict=False):
            label = f"{one.work} ({one.grown:.2f} times)"
            axis.plot(one.sizes, [seconds * 1e6 for seconds in one.seconds], marker=marker, label=label)
        axis.set(xscale="log", xlabel=of, ylabel="µs for one item")
        axis.set_ylim(0, 1.5 * axis.get_ylim()[1])  # with room for the legend
        axis.grid(visible=True, alpha=0.3)
        axis.legend(loc="upper left")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Measure, print a table, and write it as JSON and as a picture where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="run everything once on small data, to see that it runs")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each size (default 7)")
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--svg", type=Path, help="draw the curves into this file")
    options = parser.parse_args()
    rounds = 1 if options.tiny else options.rounds
    with tempfile.TemporaryDirectory() as folder:
        series = [
            *of_repos(Path(folder), tiny=options.tiny, rounds=rounds),
            *of_graphs(Path(folder), tiny=options.tiny, rounds=rounds),
        ]
    for one in series:
        costs = ", ".join(f"{size:,}: {s * 1e6:.1f} µs" for size, s in zip(one.sizes, one.seconds, strict=True))
        print(f"{one.work:<26} by {one.of}: {costs}; grown {one.grown:.2f} times{one.verdict}")
    if options.json:
        report = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "series": [asdict(one) for one in series],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.svg:
        draw(series, options.svg)


if __name__ == "__main__":
    main()
