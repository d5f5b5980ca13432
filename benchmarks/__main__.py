"""Measure this library beside its peers: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from benchmarks.groups import NAMES, rows_of
from benchmarks.measure import Row
from benchmarks.memory import Footprint

_PACKAGES = ("provenance", "joblib", "numpy", "sqlalchemy", "blake3", "dask", "distributed")


def main() -> None:
    """Run the groups that were asked for, print a table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"one of {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--tiny", action="store_true", help="run everything once on small data, to see that it runs")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each way (default 9)")
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    unknown = sorted(set(options.groups) - set(NAMES))
    if unknown:
        parser.error(f"no group is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    rows: list[Row | Footprint] = []
    # Each group has a process of its own, where nothing lives that another one has imported or made.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as process:
        for name in options.groups or NAMES:
            rounds = 1 if options.tiny else options.rounds
            rows.extend(process.submit(rows_of, name, rounds, tiny=options.tiny).result())
    print(_table(rows))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(_report(rows), indent=2) + "\n")


def _table(rows: list[Row | Footprint]) -> str:
    head = f"{'work':<75}{'against':<20}{'ours':>11}{'peer':>11}{'ratio':>8}  {'quartiles':<15}reach"
    return "\n".join([head, *map(_line, rows)])


def _line(row: Row | Footprint) -> str:
    reached = "reached" if row.reached else "not reached"
    if isinstance(row, Footprint):
        sizes = f"{_size(row.extra_bytes):>11}{_size(row.array_bytes):>11}{row.share:>7.1%}  {'':<15}"
        return f"{row.work:<75}{'the array':<20}{sizes}<= {row.reach:.0%} {reached}"
    verdict = "" if row.reach is None else f">= {row.reach:.3g}x {reached}"
    return (
        f"{row.work:<75}{row.peer:<20}{_time(row.ours_seconds):>11}{_time(row.peer_seconds):>11}"
        f"{_times(row.ratio):>7}x  {f'{_times(row.ratio_low)}-{_times(row.ratio_high)}':<15}{verdict}"
    )


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def _size(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"  # noqa: PLR2004


def _report(rows: list[Row | Footprint]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "packages": {name: version(name) for name in _PACKAGES},
        "rows": [row.as_json() for row in rows],
    }


if __name__ == "__main__":
    main()
