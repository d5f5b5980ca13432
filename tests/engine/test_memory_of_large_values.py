"""A large array is hashed, stored and loaded without a copy of it in memory."""

from pathlib import Path

import pytest

from benchmarks.memory import Footprint, footprints
from tests.parts import missing


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Footprint]:
    if not Path("/proc/self/clear_refs").exists():
        missing("a kernel that tells the peak of a process's memory")
    measured = footprints(tmp_path_factory.mktemp("memory"), 256 << 20)
    return {footprint.work.split()[2]: footprint for footprint in measured}


@pytest.mark.parametrize("work", ["hash", "store", "load"])
def test_the_peak_grows_by_less_than_a_twentieth_of_the_array(found: dict[str, Footprint], work: str) -> None:
    assert found[work].share < 0.05
