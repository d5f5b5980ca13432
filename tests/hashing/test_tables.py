"""pyarrow and polars: tables by types and values; chunks, offsets and what lies under nulls do not count."""

import copy
import datetime as dt
import decimal
import pickle
import subprocess
import sys

import polars as pl
import pyarrow as pa
import pytest

from provenance.errors import HashingError
from provenance.hashing import hash_value

COLUMNS = {
    "int": [1, None, 3],
    "text": ["x", None, "zz"],
    "list": [[1], [], None],
    "struct": [{"p": 1}, None, {"p": None}],
    "bool": [True, None, False],
    "float": [1.5, None, -0.0],
    "date": [dt.date(2020, 1, 1), None, dt.date(2020, 1, 2)],
    "time": [dt.datetime(2020, 1, 1), None, dt.datetime(2020, 1, 2)],  # noqa: DTZ001
    "decimal": [decimal.Decimal("1.5"), None, decimal.Decimal("2.5")],
    "binary": [b"a", None, b"bc"],
    "nothing": [None, None, None],
}


class TestArrow:
    def values(self):
        return {
            **{name: pa.array(column) for name, column in COLUMNS.items()},
            "table": pa.table(COLUMNS),
            "batch": pa.record_batch({"a": [1]}),
            "chunks": pa.chunked_array([[1], [2]]),
            "dictionary": pa.array(["a", "b", None]).dictionary_encode(),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "fixed binary": pa.array([b"ab", None], pa.binary(2)),
            "fixed list": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
            "large text": pa.array(["a", None], pa.large_string()),
            "text view": pa.array(["a", None], pa.string_view()),
            "zoned": pa.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)], pa.timestamp("ns", "UTC")),
            "half": pa.array([1.5, None], pa.float16()),
            "interval": pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
            "empty": pa.array([], pa.int8()),
            "union": pa.UnionArray.from_dense(
                pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["a"])]
            ),
            "extension": pa.array(["a"] * 3).cast(pa.string()),
            "scalar": pa.scalar(3),
            "null scalar": pa.scalar(None),
            "schema": pa.schema([("a", pa.int8())]),
            "field": pa.field("a", pa.int8()),
            "type": pa.int8(),
            "buffer": pa.py_buffer(b"abc"),
            "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)], pa.binary(16))),
        }

    def test_pickles_hash_alike(self):
        for name, value in self.values().items():
            assert hash_value(value) == hash_value(pickle.loads(pickle.dumps(value))), name

    def test_different_values_have_different_hashes(self):
        hashes = {name: hash_value(value) for name, value in self.values().items()}
        assert len(set(hashes.values())) == len(hashes)

    def test_chunks_and_offsets_do_not_count(self):
        table = pa.table(COLUMNS)
        whole = hash_value(table)
        assert hash_value(pa.concat_tables([table[:1], table[1:]])) == whole
        assert hash_value(pa.concat_tables([table[:0], table, table[:0]])) == whole
        assert hash_value(pa.concat_tables([table, table])[3:]) == whole
        reversed_first = pa.concat_tables([table.take([2, 1, 0]), table])
        assert hash_value(reversed_first[3:]) == hash_value(reversed_first.combine_chunks()[3:]) == whole

    @pytest.mark.parametrize(
        "column", [[1, 2, 3], [1.5, 2.5, 3.5], [True, False, True], ["a", "bc", "d"], [[1], [2, 3], []]]
    )
    def test_offsets_into_columns_without_nulls_do_not_count(self, column):
        assert hash_value(pa.array(column)[1:]) == hash_value(pa.array(column[1:]))
        assert hash_value(pa.array(column)[:2]) == hash_value(pa.array(column[:2]))

    def test_the_numbering_of_a_dictionary_does_not_count(self):
        one = pa.DictionaryArray.from_arrays([0, 1], ["a", "b"])
        other = pa.DictionaryArray.from_arrays([1, 0], ["b", "a"])
        assert hash_value(one) == hash_value(other) != hash_value(pa.array(["a", "b"]))

    @pytest.mark.parametrize("kind", [pa.int32(), pa.date32(), pa.float64()], ids=str)
    def test_what_lies_under_nulls_does_not_count(self, kind):
        width = kind.bit_width // 8
        valid = pa.py_buffer(bytes([0b01]))
        arrays = [
            pa.Array.from_buffers(kind, 2, [valid, pa.py_buffer(bytes(width) + bytes([under]) * width)])
            for under in (0, 7)
        ]
        assert hash_value(arrays[0]) == hash_value(arrays[1])

    def test_text_under_nulls_does_not_count(self):
        offsets = pa.py_buffer(b"".join(i.to_bytes(4, "little") for i in (0, 1, 3)))
        arrays = [
            pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(bytes([0b01])), offsets, pa.py_buffer(text)])
            for text in (b"abc", b"axy")
        ]
        assert hash_value(arrays[0]) == hash_value(arrays[1]) == hash_value(pa.array(["a", None]))

    def test_metadata_of_the_schema_does_not_count(self):
        table = pa.table({"a": [1]})
        assert hash_value(table.replace_schema_metadata({"k": "v"})) == hash_value(table)

    def test_every_value_counts(self):
        before = hash_value(pa.table(COLUMNS))
        for name, column in COLUMNS.items():
            if name != "nothing":
                assert hash_value(pa.table({**COLUMNS, name: column[::-1]})) != before

    def test_boundaries_count(self):
        assert hash_value(pa.array(["ab", "c"])) != hash_value(pa.array(["a", "bc"]))
        assert hash_value(pa.array([[1, 2], [3]])) != hash_value(pa.array([[1], [2, 3]]))
        assert hash_value(pa.array([""])) != hash_value(pa.array([None], pa.string()))

    def test_streams_are_refused(self):
        reader = pa.RecordBatchReader.from_batches(pa.schema([]), [])
        for stream in (pa.BufferReader(b"a"), reader):
            with pytest.raises(HashingError):
                hash_value(stream)


class TestPolars:
    def values(self):
        return {
            "frame": pl.DataFrame(COLUMNS),
            "empty frame": pl.DataFrame(),
            **{name: pl.Series(name, column) for name, column in COLUMNS.items()},
            "categorical": pl.Series("x", ["a", "b", "a"], dtype=pl.Categorical),
            "enum": pl.Series("x", ["a", "b", "a"], dtype=pl.Enum(["a", "b"])),
            "text": pl.Series("x", ["a", "b", "a"]),
            "no text": pl.Series("x", [], dtype=pl.String),
            "no floats": pl.Series("x", [], dtype=pl.Float64),
            "type": pl.List(pl.Int8()),
            "expression": pl.col("a") + 1,
        }

    def test_copies_and_pickles_hash_alike(self):
        for name, value in self.values().items():
            assert hash_value(value) == hash_value(pickle.loads(pickle.dumps(value))), name
            assert hash_value(value) == hash_value(copy.deepcopy(value)), name

    def test_different_values_have_different_hashes(self):
        hashes = {name: hash_value(value) for name, value in self.values().items()}
        assert len(set(hashes.values())) == len(hashes)

    def test_chunks_do_not_count(self):
        frame = pl.DataFrame(COLUMNS)
        assert hash_value(pl.concat([frame[:1], frame[1:]])) == hash_value(frame)

    def test_every_value_counts(self):
        before = hash_value(pl.DataFrame(COLUMNS))
        for name, column in COLUMNS.items():
            if name != "nothing":
                assert hash_value(pl.DataFrame({**COLUMNS, name: column[::-1]})) != before

    def test_boundaries_count(self):
        assert hash_value(pl.Series(["ab", "c"])) != hash_value(pl.Series(["a", "bc"]))
        assert hash_value(pl.Series([""])) != hash_value(pl.Series([None], dtype=pl.String))

    def test_numpy_and_pyarrow_are_not_needed(self):
        script = (
            "import sys\n"
            "if sys.argv[1] == 'without': sys.modules['numpy'] = sys.modules['pyarrow'] = None\n"
            "import polars as pl\n"
            "from provenance.hashing import hash_value\n"
            "print(hash_value(pl.DataFrame({'a': [1, None], 'b': ['x', 'y'], 'c': [1.5, 2], 'd': [True, None]})))\n"
        )
        printed = {
            subprocess.run([sys.executable, "-c", script, how], check=True, capture_output=True).stdout
            for how in ("with", "without")
        }
        assert len(printed) == 1

    def test_lazy_frames_are_refused(self):
        with pytest.raises(HashingError, match="collect"):
            hash_value(pl.DataFrame({"a": [1]}).lazy())
