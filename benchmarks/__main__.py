"""Measure this library beside its peers: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import copying, dask_graphs, databases, hashes, hits
from benchmarks.measure import Row, measure

_GROUPS = {"hits": hits, "hashes": hashes, "copying": copying, "databases": databases, "dask": dask_graphs}
_PACKAGES = ("provenance", "joblib", "numpy", "sqlalchemy", "blake3", "dask", "distributed")


def main() -> None:
    """Run the groups that were asked for, print a table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"one of {', '.join(_GROUPS)}; all if none is named")
    parser.add_argument("--tiny", action="store_true", help="run everything once on small data, to see that it runs")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each way (default 9)")
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    unknown = sorted(set(options.groups) - set(_GROUPS))
    if unknown:
        parser.error(f"no group is called {', '.join(unknown)}; there are {', '.join(_GROUPS)}")
    rows: list[Row] = []
    for name in options.groups or _GROUPS:
        with tempfile.TemporaryDirectory() as folder, _GROUPS[name].pairs(Path(folder), tiny=options.tiny) as pairs:
            rows.extend(measure(pair, 1 if options.tiny else options.rounds) for pair in pairs)
    print(_table(rows))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(_report(rows), indent=2) + "\n")


def _table(rows: list[Row]) -> str:
    lines = [f"{'work':<55}{'against':<16}{'ours':>11}{'peer':>11}{'ratio':>8}  {'quartiles':<15}reach"]
    for row in rows:
        verdict = "" if row.reach is None else f">= {row.reach:g}x {'reached' if row.reached else 'not reached'}"
        lines.append(
            f"{row.work:<55}{row.peer:<16}{_time(row.ours_seconds):>11}{_time(row.peer_seconds):>11}"
            f"{row.ratio:>7.1f}x  {f'{row.ratio_low:.1f}-{row.ratio_high:.1f}':<15}{verdict}"
        )
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"  # noqa: PLR2004


def _report(rows: list[Row]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "packages": {name: version(name) for name in _PACKAGES},
        "rows": [row.as_json() for row in rows],
    }


if __name__ == "__main__":
    main()
