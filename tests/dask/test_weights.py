"""How much an argument weighs on its way to a worker: about what pickling it would give, without doing so."""

from __future__ import annotations

import numpy as np
import pytest
import xarray
from pandas import DataFrame

import provenance as p
from provenance_dask.weights import weight
from tests.dask.pipeline import Pair, block

ARRAY = np.ones(100_000)
SIZE = ARRAY.nbytes


class Holder:
    def __init__(self, content):
        self.content = content


@pytest.mark.parametrize(
    "value",
    [
        ARRAY,
        [ARRAY],
        {"k": (ARRAY, 1)},
        {1, frozenset({bytes(SIZE)})},
        Pair(1, [ARRAY]),
        Holder(ARRAY),
        [Holder({"k": Pair(ARRAY, 1)})],
        DataFrame({"a": ARRAY}),
        xarray.DataArray(ARRAY),
        ["x" * (SIZE // 5_000)] * 5_000,
        [ARRAY[:20]] * 5_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_inside_counts(value):
    assert 0.9 * SIZE < weight(value) < 2.5 * SIZE


@pytest.mark.parametrize("value", [1, None, "text", [1, 2], Holder, len, np, lambda: ARRAY, Pair(1, 2)])
def test_what_is_light_is_light(value):
    assert weight(value) < 2000


def test_a_proxy_is_light_whatever_it_holds(repo, log):
    held = block(1, length=100_000, log=log).compute(scheduler="sync")
    bare = p.load_proxy(held.artifact_id)
    assert weight(held) < 200
    assert weight([held, Holder(bare)]) < 2000
    assert not bare.is_loaded


def test_a_circle_ends():
    circle = [ARRAY]
    circle.append(circle)
    assert weight(circle) >= SIZE
