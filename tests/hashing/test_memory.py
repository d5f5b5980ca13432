"""Hashing an array takes little memory besides the array, whatever its layout."""

import subprocess
import sys

import pytest

LAYOUTS = {
    "C order": "array",
    "Fortran order": "array.T",
    "every other column": "array[:, ::2]",
    "big-endian": "array.view('>f8')",
    "records": "array.view({'names': ['a', 'b'], 'formats': ['f4', 'f8'], 'offsets': [0, 8], 'itemsize': 16})",
    "records with padding at the end": "array.view({'names': ['a'], 'formats': ['f8'], 'itemsize': 16})",
}
CODE = """
import resource, sys
import numpy as np
import provenance as p

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

small = np.random.default_rng(0).random((1000, 1000))
for array in (small, np.random.default_rng(0).random((8192, 4096))):
    before = peak()
    p.hash({layout})
print((peak() - before) * 1024 / array.nbytes)
"""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_peak_grows_by_less_than_a_twentieth_of_the_array(layout):
    code = CODE.format(layout=LAYOUTS[layout])
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert float(printed) < 0.05
