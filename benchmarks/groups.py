"""The groups that benchmarks come in, each measured in a process of its own."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.measure import Row, measure
from benchmarks.memory import GIGABYTE, Footprint, footprints

_MEMORY = "memory"
_MODULES = {
    "hits": "hits",
    "first_hit": "first_hit",
    "hashes": "hashes",
    "values": "values",
    "copying": "copying",
    "databases": "databases",
    "dask": "dask_graphs",
}
NAMES = (*_MODULES, _MEMORY)


def rows_of(name: str, rounds: int, *, tiny: bool) -> list[Row | Footprint]:
    """Measure one group."""
    with tempfile.TemporaryDirectory() as folder:
        if name == _MEMORY:
            return list(footprints(Path(folder), GIGABYTE >> 10 if tiny else GIGABYTE))
        with import_module(f"benchmarks.{_MODULES[name]}").pairs(Path(folder), tiny=tiny) as pairs:
            return [measure(pair, rounds) for pair in pairs]
