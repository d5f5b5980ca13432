"""The most memory that work on a large array takes besides the array."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_REACH = 0.05
GIGABYTE = 1 << 30
_FLOAT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Footprint:
    """The peak of a process's resident memory over what it was before, and the size of the array, in bytes.

    What is mapped and touched counts too, so that anonymous memory is less than this if anything.
    """

    work: str
    array_bytes: int
    extra_bytes: int
    reach: float = _REACH

    @property
    def share(self) -> float:
        """Extra memory as a part of the array."""
        return self.extra_bytes / self.array_bytes

    @property
    def reached(self) -> bool:
        """Whether it is no more than is to be reached."""
        return self.share <= self.reach

    def as_json(self) -> dict[str, object]:
        """The row with its verdict, for a JSON file."""
        return {**asdict(self), "share": self.share, "reached": self.reached}


def footprints(folder: Path, size: int) -> Iterator[Footprint]:
    """Hashing, storing and loading an array of `size` bytes, in a process of their own."""
    command = (sys.executable, "-c", _CODE, str(folder), str(size // _FLOAT_BYTES))
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  our own code
    for work, extra in json.loads(printed).items():
        yield Footprint(f"peak memory, {work} {size >> 20} MiB", size, extra)


_CODE = """
import json, re, sys
import numpy as np
import provenance as p
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo

folder, floats = sys.argv[1], int(sys.argv[2])

def memory(field):
    return int(re.search(field + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

def extra(act):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts anew
    before = memory("VmRSS")
    kept = act()
    return max(0, memory("VmHWM") - before)

def repo():
    return SqlRepo(folder + "/memory.db", DiskStore(folder + "/blobs"), name="memory")

def peaks(array):
    array[0] = array.size
    with p.using_repo(repo()):
        stored = p.provenance(name=f"array {array.size}")(lambda: array)
        found = {"hash": extra(lambda: p.hash(array)), "store": extra(stored)}
    with p.using_repo(repo()):
        return found | {"load": extra(lambda: stored()[0])}

peaks(np.zeros(200_000))  # whatever is only loaded once
print(json.dumps(peaks(np.random.default_rng(0).random(floats))))
"""
