"""Arrays by type, shape and values; layout, byte order and padding do not count."""

import copy
import json
import pickle
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from provenance.errors import HashingError
from provenance.hashing import ahead, fingerprint, grammar, hash_value
from provenance.integrations import array_blocks
from tests.hashing.standing_in import stand_in

RECORDS = np.dtype([("a", "i1"), ("b", "f8"), ("c", "U3")])
NESTED = np.dtype([("a", "i1"), ("b", [("c", "f4"), ("d", "i2", (2,))]), ("o", object)])


def values():
    return {
        "float": np.array([1.5, np.nan, -0.0]),
        "int": np.arange(6).reshape(2, 3),
        "bool": np.array([True, False]),
        "float16": np.zeros(3, np.float16),
        "complex": np.array([1 + 2j]),
        "long double": np.array([1, 2], np.longdouble),
        "long complex": np.array([1, 2j], np.clongdouble),
        "unicode": np.array(["a", "bc"]),
        "bytes": np.array([b"a", b"bc"]),
        "void": np.zeros(2, "V3"),
        "days": np.array(["2020-01-01", "NaT"], "M8[D]"),
        "seconds": np.array([1, 2], "m8[s]"),
        "objects": np.array([1, "a", None, (2,)], object),
        "strings": np.array(["a", "\u00e4" * 100], np.dtypes.StringDType()),
        "strings with gaps": np.array(["a", None], np.dtypes.StringDType(na_object=None)),
        "records": np.array([(1, 2.0, "x")], RECORDS),
        "nested records": np.array([(1, (2.0, (3, 4)), "x")], NESTED),
        "empty": np.array([]),
        "no rows": np.zeros((0, 3)),
        "no columns": np.zeros((3, 0)),
        "no width": np.zeros(2, "U0"),
        "no dimension": np.array(5),
        "the longest in line": np.zeros(504),
        "long": np.arange(1000.0),
        "long records": np.zeros(200, RECORDS),
        "masked": np.ma.array([1, 2], mask=[False, True]),
        "masked records": np.ma.array([(1, 2.0, "x")], mask=[(True, False, False)], dtype=RECORDS),
        "matrix": np.ones((1, 1)).view(np.matrix),
        "record array": np.rec.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]),
        "scalar": np.float64(1.5),
        "long scalar": np.longdouble(1.5),
        "text scalar": np.str_("a"),
        "date scalar": np.datetime64("2020-01-01"),
        "record scalar": np.array([(1, 2.0, "x")], RECORDS)[0],
        "record array scalar": np.rec.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")])[0],
        "dtype": np.dtype("f8"),
        "dtype of records": RECORDS,
        "dtype of parts": np.dtype(("i4", (2,))),
        "dtype of strings": np.dtypes.StringDType(),
        "class": np.float64,
        "ufunc": np.sin,
        "function": np.mean,
        "generator": np.random.default_rng(1),
        "random state": np.random.RandomState(1),
        "polynomial": np.poly1d([1, 2]),
    }


@pytest.mark.parametrize("name", values())
def test_copies_and_pickles_hash_alike(name):
    value = values()[name]
    assert hash_value(value) == hash_value(copy.deepcopy(value)) == hash_value(pickle.loads(pickle.dumps(value)))


GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "hashing" / "numpy-2.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_the_hash_is_the_frozen_one(name):
    assert hash_value(values()[name]) == GOLDEN[name]


def test_different_values_have_different_hashes():
    hashes = {hash_value(value) for value in values().values()}
    assert len(hashes) == len(values())


def test_types_differ():
    ones = [
        1,
        1.0,
        True,
        np.int64(1),
        np.int32(1),
        np.uint64(1),
        np.float64(1),
        np.bool_(True),
        np.array(1),
        np.array([1]),
        [1],
    ]
    assert len({hash_value(one) for one in ones}) == len(ones)
    assert hash_value([np.int64(1)] * 100) != hash_value([1] * 100)
    assert hash_value({np.str_("a"): 1}) != hash_value({"a": 1})


def test_the_same_strings_in_arrays_of_other_types_differ():
    kinds = [
        object,
        "U1",
        np.dtypes.StringDType(),
        np.dtypes.StringDType(na_object=None),
        np.dtypes.StringDType(na_object=np.nan),
    ]
    assert len({hash_value(np.array(["a", "b"], kind)) for kind in kinds}) == len(kinds)


def test_an_array_is_its_header_and_its_bytes():
    array = np.arange(3.0)
    expected = b"A" + grammar.written(("numpy.ndarray", "<f8", (3,))) + array.tobytes()
    assert fingerprint(array).encoding == expected
    assert fingerprint(array).digest == blake3(expected).hexdigest()


def test_the_bytes_of_a_long_array_start_at_a_multiple_of_64():
    for rows in range(1, 4):
        array = np.arange(1000.0 * rows).reshape(rows, 1000)
        header = b"M" + grammar.written(("numpy.ndarray", "<f8", (rows, 1000)))
        assert len(header) < 64
        expected = header.ljust(64, b"\0") + array.tobytes()
        assert fingerprint(array).encoding == b"H" + blake3(expected).digest()


@pytest.fixture(params=[None, (0, 64, 2), (0, 1 << 20, 3)], ids=["as released", "tiny buffers", "one buffer"])
def copying(request, monkeypatch):
    """Bytes copied by one call, bytes of a buffer, and the shortest run of items."""
    for name, number in zip(("_ONE_CALL", "_BUFFER", "_RUN"), request.param or (), strict=False):
        monkeypatch.setattr(array_blocks, name, number)


@given(npst.arrays(npst.scalar_dtypes(), npst.array_shapes(max_dims=4, max_side=6)), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_layout_does_not_count(copying, array, chance):
    axes = list(range(array.ndim))
    chance.shuffle(axes)
    wide = np.zeros(tuple(2 * size for size in array.shape), array.dtype)
    strided = wide[tuple(slice(None, None, 2) for _ in axes)]
    strided[...] = array
    turned = np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes))
    flipped = np.ascontiguousarray(array[::-1])[::-1]
    swapped = array.astype(array.dtype.newbyteorder(">"))
    expected = hash_value(array)
    for other in (np.asfortranarray(array), strided, turned, flipped, swapped):
        assert hash_value(other) == expected


@pytest.mark.parametrize("block", [1, 64, 1000])
@pytest.mark.parametrize("dtype", ["f8", ">f8", np.longdouble, np.clongdouble, "U7", RECORDS])
def test_the_size_of_blocks_does_not_count(dtype, block, monkeypatch):
    array = np.zeros((50, 7), dtype)
    array.reshape(-1)[::3] = np.ones((), array.dtype)
    expected = hash_value(array)
    monkeypatch.setattr(array_blocks, "_ONE_CALL", 0)
    monkeypatch.setattr(array_blocks, "_BUFFER", block)
    assert hash_value(array) == expected
    assert hash_value(np.asfortranarray(array)) == expected
    assert hash_value(np.asfortranarray(array.reshape(5, 10, 7))) == hash_value(array.reshape(5, 10, 7))


@pytest.mark.parametrize("shape", [(1500, 500), (75, 20, 500), (2, 375_000)])
def test_large_arrays_in_each_layout(shape):
    array = np.random.default_rng(0).random(shape)
    assert array.nbytes > 2 * array_blocks._BUFFER
    header = b"M" + grammar.written(("numpy.ndarray", "<f8", shape))
    header += bytes(64 - len(header))
    expected = blake3(header + array.tobytes()).hexdigest()
    assert hash_value(array) == hash_value(np.asfortranarray(array)) == expected
    assert hash_value(np.repeat(array, 2, axis=-1)[..., ::2]) == expected
    assert hash_value(np.ascontiguousarray(array[::-1])[::-1]) == expected


def test_blocks_are_made_ahead_until_the_interpreter_ends(monkeypatch):
    array = np.asfortranarray(np.random.default_rng(0).random((1500, 500)))
    expected = hash_value(array)
    monkeypatch.setattr(threading.main_thread(), "is_alive", lambda: False)
    assert hash_value(array) == expected


def test_what_fails_while_blocks_are_made_ahead_is_raised():
    def broken():
        yield b"a"
        raise ValueError("no more")

    blocks = ahead(broken())
    assert next(blocks) == b"a"
    with pytest.raises(ValueError, match="no more"):
        next(blocks)


def test_a_memory_map_is_its_array(tmp_path):
    array = np.arange(1000.0)
    np.save(tmp_path / "a.npy", array)
    for mode in ("r", "c"):
        assert hash_value(np.load(tmp_path / "a.npy", mmap_mode=mode)) == hash_value(array)


PADDED = {
    "between": {"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 16},
    "behind": {"names": ["a", "b"], "formats": ["f8", "i1"], "offsets": [0, 8], "itemsize": 24},
    "before": {"names": ["a", "b"], "formats": ["f8", "i1"], "offsets": [4, 12], "itemsize": 13},
    "nowhere, in another order": {"names": ["b", "a"], "formats": ["i1", "f8"], "offsets": [8, 0], "itemsize": 9},
    "behind, big-endian": {"names": ["a", "b"], "formats": [">f8", "i1"], "offsets": [0, 8], "itemsize": 16},
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("where", PADDED)
def test_records_with_padding_are_hashed_as_without(copying, where, order):
    count = 30 * 40
    padded = np.full(count * PADDED[where]["itemsize"], 7, np.uint8).view(np.dtype(PADDED[where]))
    padded["a"], padded["b"] = np.arange(count), np.arange(count) % 100
    padded = np.asarray(padded.reshape(30, 40), order=order)
    packed = padded.astype([(name, padded.dtype[name].newbyteorder("<")) for name in padded.dtype.names])
    assert hash_value(padded) == hash_value(np.ascontiguousarray(packed))
    written = grammar.written(("numpy.ndarray of records", tuple(packed.dtype.descr), (30, 40)))
    expected = grammar.array_header(written, packed.nbytes) + packed.tobytes()
    assert hash_value(padded) == blake3(expected).hexdigest()


def test_padding_does_not_count():
    aligned = np.zeros(300, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    dirty = aligned.copy()
    dirty.view(np.uint8).reshape(300, -1)[:, 1:8] = 77
    packed = aligned.astype([("a", "i1"), ("b", "f8")])
    assert hash_value(aligned) == hash_value(dirty) == hash_value(packed)
    dirty["b"][7] = 1
    assert hash_value(dirty) != hash_value(packed)


@pytest.mark.skipif(not array_blocks._EXTENDED, reason="long doubles have no padding here")
def test_padding_of_long_doubles_does_not_count():
    clean = np.arange(300, dtype=np.longdouble)
    dirty = clean.copy()
    dirty.view(np.uint8).reshape(-1, 16)[:, 10:] = 99
    assert hash_value(clean) == hash_value(dirty)
    assert hash_value(clean[5]) == hash_value(dirty[5])
    records = np.zeros(3, [("x", np.longdouble), ("y", "i1")])
    noisy = records.copy()
    noisy.view(np.uint8).reshape(3, -1)[:, 10:16] = 5
    assert hash_value(records) == hash_value(noisy)


def test_field_names_and_types_count():
    dtypes = [[("a", "i4")], [("b", "i4")], [("a", "u4")], [("a", "i4"), ("b", "V0")], "i4"]
    assert len({hash_value(np.zeros(2, dtype)) for dtype in dtypes}) == len(dtypes)


def test_values_under_a_mask_do_not_count():
    one, other = (np.ma.array([1, hidden], mask=[False, True]) for hidden in (2, 3))
    assert hash_value(one) == hash_value(other)
    records = [np.ma.array([(1, hidden)], mask=[(False, True)], dtype=[("a", "i4"), ("b", "i4")]) for hidden in (2, 3)]
    assert hash_value(records[0]) == hash_value(records[1])
    assert hash_value(np.ma.array([1, 2])) == hash_value(np.ma.array([1, 2], mask=[False, False]))
    assert hash_value(np.ma.array([1, 2])) != hash_value(np.ma.array([1, 2], mask=[False, True]))
    assert hash_value(np.ma.array([1, 2])) != hash_value(np.array([1, 2]))


def test_objects_in_arrays_are_values_like_any_other():
    array = np.array([1, None], object)
    array[1] = [2]
    expected = hash_value(array)
    array[1] = stand_in([2])
    assert hash_value(array) == expected
    array[1] = iter(())
    with pytest.raises(HashingError, match="iterator"):
        hash_value({"x": array})


def test_an_array_that_occurs_often_is_hashed_once(monkeypatch):
    calls = []
    raw = array_blocks._raw
    monkeypatch.setattr(array_blocks, "_raw", lambda array: (calls.append(1), raw(array))[1])
    array = np.arange(10_000)
    assert hash_value([array, {"a": array}, (array,)]) == hash_value(
        [array.copy(), {"a": array.copy()}, (array.copy(),)]
    )
    assert len(calls) == 4


def test_subclasses_differ_by_name_and_attributes():
    class Tagged(np.ndarray): ...

    one, other = np.arange(3).view(Tagged), np.arange(3).view(Tagged)
    assert hash_value(one) == hash_value(other) != hash_value(np.arange(3))
    other.tag = 1
    assert hash_value(one) != hash_value(other)


def test_ufuncs_made_from_functions_are_refused():
    with pytest.raises(HashingError, match="made from a function"):
        hash_value(np.frompyfunc(lambda x: x, 1, 1))


def test_arrays_in_a_dict_in_another_order():
    arrays = [np.arange(i) for i in range(20)]
    shuffled = dict(random.Random(0).sample(list(enumerate(arrays)), 20))
    assert hash_value(shuffled) == hash_value(dict(enumerate(arrays)))
