"""Frames and series by labels and values; how pandas stores them does not count."""

import copy
import json
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from provenance.errors import HashingError
from provenance.hashing import fingerprint, hash_value
from tests.hashing.standing_in import stand_in


def frame():
    return pd.DataFrame(
        {
            "int": np.arange(5),
            "text": list("vwxyz"),
            "category": pd.Categorical(list("aabab")),
            "time": pd.date_range("2020", periods=5),
            "zoned": pd.date_range("2020", periods=5, tz="Europe/Paris"),
            "nullable": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "object": [1, "x", None, 2.5, (1,)],
        }
    )


def values():
    return {
        "frame": frame(),
        "empty frame": pd.DataFrame(),
        "no columns": pd.DataFrame(index=[1, 2]),
        "odd columns": pd.DataFrame({1: [1], "a": [2], (1, 2): [3]}),
        "series": pd.Series([1, 2], name="x"),
        "index": pd.Index([1, 2]),
        "named index": pd.Index([1, 2], name="n"),
        "text index": pd.Index(["a"]),
        "range": pd.RangeIndex(3),
        "range by two": pd.RangeIndex(0, 3, 2),
        "multi index": pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["x", "y"]),
        "times": pd.date_range("2020", periods=3, freq="D"),
        "times without frequency": pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"]),
        "spans": pd.TimedeltaIndex(["1D"]),
        "periods": pd.period_range("2020", periods=3, freq="M"),
        "intervals": pd.interval_range(0, 3),
        "categories": pd.CategoricalIndex(["a"]),
        "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1.0])),
        "arrow": pd.Series([1, 2, None], dtype=pd.ArrowDtype(pa.int64())),
        "booleans": pd.array([True, None]),
        "floats": pd.array([1.5, None], dtype="Float64"),
        "timestamp": pd.Timestamp("2020-01-01 00:00:00.000000001"),
        "zoned timestamp": pd.Timestamp("2020", tz="UTC"),
        "timedelta": pd.Timedelta("1D"),
        "period": pd.Period("2020"),
        "interval": pd.Interval(0, 1),
        "no time": pd.NaT,
        "missing": pd.NA,
        "category dtype": pd.CategoricalDtype(["a"]),
        "text dtype": pd.StringDtype(),
        "int dtype": pd.Int64Dtype(),
        "zone dtype": pd.DatetimeTZDtype(tz="UTC"),
        "sparse dtype": pd.SparseDtype(float),
        "offset": pd.offsets.BDay(2),
    }


@pytest.mark.parametrize("name", values())
def test_copies_and_pickles_hash_alike(name):
    value = values()[name]
    assert hash_value(value) == hash_value(copy.deepcopy(value)) == hash_value(pickle.loads(pickle.dumps(value)))


GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "hashing" / "pandas-2.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_the_hash_is_the_frozen_one(name):
    assert hash_value(values()[name]) == GOLDEN[name]


def test_different_values_have_different_hashes():
    assert len({hash_value(value) for value in values().values()}) == len(values())


def test_how_columns_are_kept_in_blocks_does_not_count():
    one_block = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=list("ab"))
    two_blocks = pd.DataFrame({"a": [0.0, 2, 4]})
    two_blocks["b"] = [1.0, 3, 5]
    assert hash_value(one_block) == hash_value(two_blocks)


@pytest.mark.parametrize("na_value", [np.nan, pd.NA], ids=["nan", "NA"])
def test_where_strings_are_stored_does_not_count(na_value):
    for texts in (["a", None, "c\u00e9"], [], [None], ["x"] * 1000, ["", ""]):
        python = pd.Series(texts, dtype=pd.StringDtype("python", na_value=na_value))
        arrow = python.astype(pd.StringDtype("pyarrow", na_value=na_value))
        in_chunks = pd.concat([arrow[:1], arrow[1:]])
        assert hash_value(python) == hash_value(arrow) == hash_value(in_chunks)
        assert hash_value(python[1:]) == hash_value(arrow[1:])
        assert hash_value(pd.DataFrame({"a": python})) == hash_value(pd.DataFrame({"a": arrow}))


def test_strings_hash_alike_where_pyarrow_is_not_installed():
    script = textwrap.dedent("""
        import sys
        if sys.argv[1] == "without":
            sys.modules["pyarrow"] = None
        import pandas as pd
        from provenance.hashing import hash_value
        frame = pd.DataFrame({"t": ["a", None, "\\u00e4"], "n": [1, 2, 3]}, index=list("xyz"))
        print(hash_value([frame, frame["t"], frame.index, frame.dtypes["t"]]), frame["t"].dtype.storage)
    """)
    printed = [
        subprocess.run([sys.executable, "-c", script, how], check=True, capture_output=True, text=True).stdout.split()
        for how in ("with", "without")
    ]
    assert [storage for _, storage in printed] == ["pyarrow", "python"]
    assert printed[0][0] == printed[1][0]


def test_strings_differ_by_missing_value_and_boundaries():
    by_missing = [pd.Series(["a", None], dtype=pd.StringDtype(na_value=missing)) for missing in (np.nan, pd.NA)]
    assert hash_value(by_missing[0]) != hash_value(by_missing[1])
    assert hash_value(pd.Series(["ab", "c"])) != hash_value(pd.Series(["a", "bc"]))
    assert hash_value(pd.Series([""])) != hash_value(pd.Series([None], dtype="str"))
    assert hash_value(pd.Series(["a"])) != hash_value(pd.Series(["a"], dtype=object))


def test_how_a_multi_index_numbers_its_levels_does_not_count():
    whole = pd.MultiIndex.from_product([[1, 2], ["a", "b"]])
    assert hash_value(whole[2:]) == hash_value(pd.MultiIndex.from_tuples([(2, "a"), (2, "b")]))


def test_a_range_is_not_an_index_of_its_numbers():
    assert hash_value(pd.RangeIndex(3)) != hash_value(pd.Index([0, 1, 2]))


def test_what_lies_under_missing_values_does_not_count():
    one, other = pd.array([1, 2], dtype="Int64"), pd.array([1, 3], dtype="Int64")
    one[1] = other[1] = pd.NA
    one._data[1] = 7
    assert hash_value(one) == hash_value(other)


def test_attributes_names_and_labels_count():
    plain, noted, renamed = frame(), frame(), frame()
    noted.attrs["unit"] = "K"
    renamed.index.name = "n"
    relabelled = frame().rename(columns={"int": "INT"})
    reordered = frame()[list(reversed(frame().columns))]
    assert len({hash_value(f) for f in (plain, noted, renamed, relabelled, reordered, frame()[:4])}) == 6


def test_every_value_counts():
    before = hash_value(frame())
    for column in frame().columns:
        changed = frame()
        changed[column] = changed[column].to_numpy()[::-1] if column != "category" else changed[column][::-1].array
        assert hash_value(changed) != before


def test_subclasses_differ_by_name_and_metadata():
    class Survey(pd.DataFrame):
        _metadata = ["region"]  # noqa: RUF012

    one, other = Survey({"a": [1]}), Survey({"a": [1]})
    one.region = other.region = "n"
    assert hash_value(one) == hash_value(other) != hash_value(pd.DataFrame({"a": [1]}))
    other.region = "s"
    assert hash_value(one) != hash_value(other)


def test_values_in_object_columns_are_values_like_any_other():
    assert hash_value(pd.Series([1, stand_in((2,))], dtype=object)) == hash_value(pd.Series([1, (2,)], dtype=object))
    with pytest.raises(HashingError, match=r"^df\['o'\]\S* .*iterator"):
        fingerprint(pd.DataFrame({"o": [iter(())]}), path="df")


def test_groupings_are_refused():
    for grouping in (frame().groupby("text"), frame().groupby("text")["int"]):
        with pytest.raises(HashingError, match="Pass the frame itself"):
            hash_value(grouping)


def test_an_extension_array_that_is_not_based_on_any_of_pandas():
    class Celsius(pd.api.extensions.ExtensionArray):
        def __init__(self, degrees):
            self.degrees = degrees

        def __len__(self):
            return len(self.degrees)

    one, other = Celsius(np.array([1.0, 2.0])), Celsius(np.array([1.0, 3.0]))
    assert hash_value(one) == hash_value(copy.deepcopy(one)) != hash_value(other)
    assert hash_value(Celsius([stand_in(1)])) == hash_value(Celsius([1]))
    from provenance.integrations.pandas_ import _values

    assert _values(one) is one


def test_an_extension_array_of_somebody_else():
    class Doubled(pd.arrays.IntegerArray): ...

    array = Doubled(np.array([1, 2]), np.array([False, False]))
    assert hash_value(array) == hash_value(copy.deepcopy(array))
