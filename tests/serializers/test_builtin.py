"""The built-in serializers: every value comes back, large arrays are mapped, and files never change."""

from __future__ import annotations

import datetime as dt
import io
import os
import pickle
import resource
from fractions import Fraction
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from provenance._util.payload import Buffers, Streamed, bytes_of
from provenance.errors import SerializationError, StorageError
from provenance.serializers import pack, unpack
from provenance.serializers.pickle5 import MAGIC
from provenance.serializers.pickling import dump_stream

GENERAL = ["joblib", "pickle5", "cloudpickle"]
MAPPED = ["joblib", "pickle5", "array", "npy"]
LARGE = 150_000
ROWS = 21_000
GOLDEN = Path(__file__).with_name("golden_pickle5.bin")


def stored(tmp_path: Path, value: object, name: str, **options: object) -> Path:
    path = tmp_path / "value"
    path.write_bytes(bytes_of(pack(value, name, options)))
    return path


class Memory:
    """Pickles as a bytearray whose memory can stay out of the stream."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def __reduce_ex__(self, _: Any) -> Any:
        return bytearray, (pickle.PickleBuffer(self.data),)


def test_small_plain_values_have_the_bytes_that_a_pickler_with_buffers_gives_them():
    """They are written by a shorter way."""
    text, large = "text" * 100, bytes(1 << 17)
    inputs = {"kargs": {"a": 1, "b": 2.0, "c": text, "d": text, "e": None}, "varargs": (1j, large)}
    for value in (None, text, large, inputs, {"nested": {"array": np.arange(3)}}, {(1,): 2}, (inputs, ((1,),))):
        stream = io.BytesIO()
        pickle.Pickler(stream, 5, buffer_callback=lambda _: True).dump(value)
        assert dump_stream(value, lambda _: True) == stream.getvalue()


def test_arrays_are_met_wherever_they_are():
    array = np.arange(3)
    for value in (array, {"a": array}, {"a": {"b": array}}, (1, (array,)), {_Holds(array): 1}):
        met = []
        dump_stream(value, met.append)
        assert len(met) == 1


def test_a_stand_in_is_not_asked_for_the_class_of_its_value():
    assert pickle.loads(dump_stream({"a": _Lazy(), "b": (_Lazy(),)}, lambda _: True)) == {"a": 0, "b": (0,)}


class _Lazy:
    """Must not be loaded, but pickles."""

    @property
    def __class__(self):
        raise AssertionError

    def __reduce_ex__(self, _):
        return int, ()


class _Holds(tuple):
    """A key that is a tuple of an array."""

    __slots__ = ()

    def __new__(cls, array):
        return super().__new__(cls, (array,))

    def __reduce__(self):
        return _Holds, tuple(self)

    def __hash__(self):
        return 0


class TestPlainValues:
    @pytest.mark.parametrize("name", GENERAL)
    @pytest.mark.parametrize(
        "value",
        [
            None,
            -1,
            2**80,
            1.5,
            "text \0",
            "joblib",
            b"joblib",
            [1, (2, {3})],
            {"a": [None]},
            dt.date(2020, 1, 1),
            Fraction(1, 3),
            range(3),
            os.path.join,
            np.float32(1.5),
            pd.Timestamp("2020-01-01", tz="UTC"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_come_back(self, roundtrip: Any, name: str, value: object) -> None:
        result = roundtrip(value, name)
        assert result == value
        assert type(result) is type(value)

    @pytest.mark.parametrize("value", [1, "joblib", {"a": [1.5]}, np.arange(10), [np.zeros(100)] * 3])
    def test_joblib_reads_what_joblib_writes_and_so_does_pickle(self, value: object) -> None:
        payload = pack(value, "joblib", {})
        data = bytes_of(payload)
        assert payload.size == len(data)
        assert repr(joblib.load(io.BytesIO(data))) == repr(pickle.loads(data)) == repr(value)

    @pytest.mark.parametrize("name", GENERAL)
    def test_identity_inside_a_value_is_kept(self, roundtrip: Any, name: str) -> None:
        shared = [1]
        result = roundtrip([shared, shared], name)
        assert result[0] is result[1]
        array = np.zeros(LARGE)
        if name != "joblib":  # which writes an array each time it meets it
            result = roundtrip([array, array], name)
            assert result[0] is result[1]

    def test_cloudpickle_takes_what_the_others_do_not(self, roundtrip: Any) -> None:
        factor = 3
        assert roundtrip(lambda number: number * factor, "cloudpickle")(5) == 15
        with pytest.raises(SerializationError, match="cloudpickle"):
            roundtrip(lambda: factor, "joblib")

    def test_cloudpickle_options(self) -> None:
        assert bytes_of(pack([1], "cloudpickle", {"protocol": 2}))[:2] == b"\x80\x02"
        data = pickle.dumps("é".encode("latin1"), 2)
        assert unpack(data, "cloudpickle", {"encoding": "bytes"}) == "é".encode("latin1")

    def test_a_large_plain_value_from_a_file(self, tmp_path: Path) -> None:
        value = [f"{number:09}" for number in range(LARGE)]
        assert unpack(stored(tmp_path, value, "joblib"), "joblib", {}) == value
        assert unpack(stored(tmp_path, [*value, "joblib"], "joblib"), "joblib", {}) == [*value, "joblib"]


ARRAYS = {
    "floats": np.arange(float(LARGE)),
    "matrix": np.arange(300.0 * 500).reshape(300, 500),
    "fortran order": np.asfortranarray(np.arange(300.0 * 500).reshape(300, 500)),
    "strided": np.arange(600.0 * 1000).reshape(600, 1000)[::2, ::2],
    "reversed": np.arange(float(LARGE))[::-1],
    "broadcast": np.broadcast_to(np.arange(300.0), (1000, 300)),
    "dates": np.arange(LARGE).astype("M8[s]"),
    "dates in fortran order": np.asfortranarray(np.arange(LARGE).reshape(300, 500).astype("M8[D]")),
    "durations": np.arange(LARGE).astype("m8[ns]"),
    "booleans": np.arange(LARGE) % 3 == 0,
    "texts": np.arange(LARGE).astype("U7"),
    "bytes": np.arange(LARGE).astype("S7"),
    "big endian": np.arange(LARGE).astype(">i8"),
    "complex": np.arange(LARGE) * 1j,
    "records": np.array([(1, 2.5, "x")] * LARGE, dtype=[("a", "i4"), ("b", "f8"), ("c", "U1")]),
    "objects": np.array([1, "x", None, [1.5]], dtype=object),
    "scalar": np.array(1.5),
    "empty": np.empty((0, 3)),
    "no dates": np.empty((3, 0), "M8[s]"),
    "no width": np.zeros(3, "V0"),
    "a long header": np.zeros(3, [(f"a column with a long name {number}", "f8") for number in range(3000)]),
}


class TestArrays:
    @pytest.mark.parametrize("name", ["joblib", "pickle5", "npy", "cloudpickle"])
    @pytest.mark.parametrize("kind", ARRAYS)
    def test_come_back_writable(self, roundtrip: Any, name: str, kind: str) -> None:
        array = ARRAYS[kind]
        pickled = {"allow_pickle": True} if name == "npy" and kind == "objects" else {}
        result = roundtrip(array, name, pickled, pickled)
        assert result.dtype == array.dtype
        assert result.shape == array.shape
        assert (result == array).all()
        assert result.flags.writeable
        if result.size and array.dtype.itemsize:
            result.flat[0] = result.flat[-1]

    @pytest.mark.parametrize("name", ["pickle5", "npy"])
    def test_are_arrays_not_maps_of_files(self, roundtrip: Any, name: str) -> None:
        assert type(roundtrip(np.zeros(LARGE), name)) is np.ndarray

    @pytest.mark.parametrize("name", ["joblib", "pickle5", "npy"])
    def test_maps_of_files_are_stored_as_arrays(self, roundtrip: Any, name: str, tmp_path: Path) -> None:
        mapped = np.memmap(tmp_path / "map", dtype="f8", mode="w+", shape=(LARGE,))
        mapped[:] = 7
        result = roundtrip({"a": mapped} if name != "npy" else mapped, name)
        result = result["a"] if name != "npy" else result
        assert (result == 7).all()
        assert name == "joblib" or type(result) is np.ndarray

    def test_subclasses_stay_what_they_are(self, roundtrip: Any) -> None:
        masked = np.ma.masked_array(np.arange(LARGE), np.arange(LARGE) % 2 == 0)
        result = roundtrip(masked, "pickle5")
        assert type(result) is np.ma.MaskedArray
        assert result.sum() == masked.sum()

    def test_a_read_only_array_stays_read_only(self, roundtrip: Any) -> None:
        array = np.arange(float(LARGE))
        array.flags.writeable = False
        assert not roundtrip(array, "pickle5").flags.writeable

    @settings(max_examples=60, deadline=None)
    @given(
        hnp.arrays(
            dtype=st.one_of(hnp.scalar_dtypes(), hnp.array_dtypes(max_size=3)),
            shape=hnp.array_shapes(min_dims=0, min_side=0, max_side=40),
        ),
        st.sampled_from(["pickle5", "joblib"]),
        st.sampled_from([lambda array: array, np.transpose, lambda array: array[::-2] if array.ndim else array]),
    )
    def test_any_array_comes_back(self, array: Any, name: str, view: Any) -> None:
        array = view(array)
        result: Any = unpack(bytes_of(pack(array, name, {})), name, {})
        assert result.dtype == array.dtype
        assert result.tobytes() == array.tobytes()
        assert result.shape == array.shape


class TestMaps:
    @pytest.mark.parametrize("name", MAPPED)
    def test_changes_never_reach_the_file_or_another_value(self, tmp_path: Path, name: str) -> None:
        path = stored(tmp_path, np.zeros(LARGE), name)
        before = path.read_bytes()
        one, other = unpack(path, name, {}), unpack(path, name, {})
        one[:] = 1  # type: ignore[index]
        assert (other == 0).all()  # type: ignore[attr-defined]
        assert path.read_bytes() == before

    @pytest.mark.parametrize("name", MAPPED)
    def test_a_large_file_is_mapped_and_may_be_deleted(self, tmp_path: Path, name: str) -> None:
        path = stored(tmp_path, np.arange(float(LARGE)), name)
        value: Any = unpack(path, name, {})
        assert str(path) in Path("/proc/self/maps").read_text()
        path.unlink()
        assert value.sum() == np.arange(float(LARGE)).sum()

    @pytest.mark.parametrize("name", MAPPED)
    def test_or_read_where_that_is_asked_for(self, tmp_path: Path, name: str) -> None:
        path = stored(tmp_path, np.arange(float(LARGE)), name)
        value: Any = unpack(path, name, {"mmap_mode": None})
        assert str(path) not in Path("/proc/self/maps").read_text()
        assert value.flags.writeable
        assert value[-1] == LARGE - 1

    @pytest.mark.parametrize("name", MAPPED)
    def test_small_files_are_not_mapped(self, tmp_path: Path, name: str) -> None:
        path = stored(tmp_path, np.arange(20_000.0), name)
        value: Any = unpack(path, name, {})
        assert str(path) not in Path("/proc/self/maps").read_text()
        assert value.flags.writeable
        assert value[-1] == 19_999

    @pytest.mark.parametrize("name", MAPPED)
    def test_read_only_where_that_is_asked_for(self, tmp_path: Path, name: str) -> None:
        value: Any = unpack(stored(tmp_path, np.zeros(LARGE), name), name, {"mmap_mode": "r"})
        assert not value.flags.writeable

    def test_read_only_from_bytes(self) -> None:
        data = bytes_of(pack(np.zeros(LARGE), "pickle5", {}))
        assert not unpack(data, "pickle5", {"mmap_mode": "r"}).flags.writeable  # type: ignore[attr-defined]

    @pytest.mark.parametrize("name", MAPPED)
    @pytest.mark.parametrize("mode", ["r+", "w+", "x", 1, []])
    def test_never_for_writing_to_the_file(self, tmp_path: Path, name: str, mode: object) -> None:
        path = stored(tmp_path, np.zeros(LARGE), name)
        with pytest.raises(SerializationError, match="copy-on-write"):
            unpack(path, name, {"mmap_mode": mode})

    @pytest.mark.parametrize("name", ["joblib", "pickle5"])
    def test_values_load_when_no_more_files_can_be_open(self, tmp_path: Path, name: str) -> None:
        """A map holds a descriptor; when they run out, what is loaded next is read instead."""
        path = stored(tmp_path, {"a": np.zeros(LARGE), "b": np.ones(LARGE)}, name)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held: list[Any] = [unpack(path, name, {})]
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 8, hard))
        try:
            held.extend(unpack(path, name, {}) for _ in range(15))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert all(value["b"][-1] == 1 for value in held)

    def test_array_memory_starts_at_multiples_of_64(self, tmp_path: Path) -> None:
        path = stored(tmp_path, [np.zeros(LARGE * 8 + extra, "u1") for extra in range(5)], "pickle5")
        arrays: Any = unpack(path, "pickle5", {})
        assert {array.ctypes.data % 64 for array in arrays} == {0}


class TestCopies:
    def test_packing_arrays_copies_nothing(self) -> None:
        for name, array in (("pickle5", np.zeros(LARGE)), ("npy", np.zeros((300, 1000), order="F"))):
            payload = pack(array, name, {})
            assert isinstance(payload, Buffers)
            array.flat[0] = 7
            result: Any = unpack(bytes_of(payload), name, {})
            assert result.flat[0] == 7

    def test_many_arrays_are_not_mapped_one_by_one(self, tmp_path: Path) -> None:
        arrays = [np.full(2000, number, "f8") for number in range(200)]
        path = stored(tmp_path, arrays, "joblib")
        before = len(os.listdir("/proc/self/fd"))
        result: Any = unpack(path, "joblib", {})
        assert len(os.listdir("/proc/self/fd")) <= before + 1
        assert all((one == other).all() for one, other in zip(result, arrays, strict=True))


FRAMES = {
    "mixed": pd.DataFrame(
        {
            "number": np.arange(ROWS) / 7,
            "text": [f"a text with the number {number}" for number in range(ROWS)],
            "day": pd.date_range("2020-01-01", periods=ROWS, freq="min", tz="Europe/Berlin"),
            "kind": pd.Categorical(["a", "b", "a"] * (ROWS // 3)),
            "maybe": pd.array([1, None, 3] * (ROWS // 3), dtype="Int64"),
        },
        index=pd.Index(np.arange(5, ROWS + 5), name="row"),
    ),
    "duplicate labels": pd.DataFrame([[1, 2], [3, 4]], index=[0, 0], columns=["a", "b"]),
    "two levels": pd.DataFrame({("a", "x"): [1], ("b", "y"): [2.5]}),
    "empty": pd.DataFrame({"a": []}),
}


class TestFrames:
    @pytest.mark.parametrize("name", ["pickle5", "joblib", "parquet"])
    @pytest.mark.parametrize("kind", FRAMES)
    def test_come_back_and_may_be_changed(self, roundtrip: Any, name: str, kind: str) -> None:
        frame = FRAMES[kind]
        result = roundtrip(frame, name)
        pd.testing.assert_frame_equal(result.iloc[:100], frame.iloc[:100], check_freq=False)
        assert result.equals(frame)
        if len(frame):
            result.iloc[0, 0] = 99
            assert result.iloc[0, 0] == 99

    @pytest.mark.parametrize("name", ["pickle5", "joblib", "parquet"])
    @pytest.mark.parametrize("label", ["a", None])
    def test_a_series_comes_back(self, roundtrip: Any, name: str, label: str | None) -> None:
        series = pd.Series(np.arange(LARGE), name=label, index=np.arange(LARGE) * 2)
        pd.testing.assert_series_equal(roundtrip(series, name), series)

    @pytest.mark.parametrize("name", ["pickle5", "joblib", "parquet"])
    @pytest.mark.parametrize("rows", [0, 1, 80_000])
    def test_arrow_tables_and_batches_come_back(self, roundtrip: Any, name: str, rows: int) -> None:
        columns = {"a": np.arange(rows), "b": [f"{number}" for number in range(rows)]}
        table = pa.table(columns, schema=pa.schema([("a", pa.int64()), ("b", pa.string())], {"key": "value"}))
        batch = pa.RecordBatch.from_pydict(columns, table.schema)
        for value in (table, batch):
            result = roundtrip(value, name)
            assert type(result) is type(value)
            assert result.equals(value, check_metadata=True)

    def test_parquet_options(self, roundtrip: Any) -> None:
        frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
        result = roundtrip(frame, "parquet", {"compression": "zstd"}, {"columns": ["b"]})
        assert result.to_dict("list") == {"b": [3, 4]}

    @pytest.mark.parametrize("name", ["parquet", "npy"])
    def test_what_is_no_frame_or_array_is_refused(self, name: str) -> None:
        with pytest.raises(SerializationError, match=rf"'{name}' takes .*got builtins\.list; leave out"):
            pack([1], name, {})

    def test_what_parquet_cannot_hold_is_told(self) -> None:
        with pytest.raises(SerializationError, match=r"'parquet' cannot store a value of type pandas\.DataFrame"):
            pack(pd.DataFrame([[1, 2]], columns=["a", "a"]), "parquet", {})

    @pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.coo_matrix], ids=["array", "matrix"])
    def test_sparse_matrices_come_back(self, roundtrip: Any, make: Any) -> None:
        matrix = make(scipy.sparse.random(500, 500, density=0.1, random_state=0))
        result = roundtrip(matrix, "pickle5")
        assert type(result) is type(matrix)
        assert (result != matrix).nnz == 0

    def test_a_loaded_frame_never_changes_the_file(self, tmp_path: Path) -> None:
        path = stored(tmp_path, FRAMES["mixed"], "pickle5")
        before = path.read_bytes()
        one: Any = unpack(path, "pickle5", {})
        one["number"] = 0.0
        one.loc[:, "maybe"] = 5
        other: Any = unpack(path, "pickle5", {})
        assert other.equals(FRAMES["mixed"])
        assert path.read_bytes() == before

    def test_frames_inside_other_values_hold_arrays_not_maps(self, roundtrip: Any) -> None:
        frames = {"train": FRAMES["mixed"], "numbers": pd.Series(np.zeros(LARGE))}
        result = roundtrip(frames, "joblib")
        assert result["train"].equals(FRAMES["mixed"])
        assert type(result["numbers"].array._ndarray) is np.ndarray
        assert type(result["train"]["kind"].cat.codes.to_numpy()) is np.ndarray


class TestJoblib:
    def test_large_arrays_are_written_by_joblib(self, tmp_path: Path) -> None:
        value = {"a": np.arange(float(LARGE)), "b": "text"}
        assert isinstance(pack(value, "joblib", {}), Streamed)
        path = stored(tmp_path, value, "joblib")
        assert (joblib.load(path)["a"] == value["a"]).all()
        assert isinstance(joblib.load(path, mmap_mode="r")["a"], np.memmap)

    @pytest.mark.parametrize("compress", [3, ("gzip", 1), ("bz2", 1), ("xz", 1)])
    def test_compression(self, roundtrip: Any, compress: Any) -> None:
        value = [np.zeros(LARGE), "text"]
        assert len(bytes_of(pack(value, "joblib", {"compress": compress}))) < LARGE
        result = roundtrip(value, "joblib", {"compress": compress})
        assert (result[0] == 0).all()
        assert result[1] == "text"

    def test_options_of_loading(self, roundtrip: Any) -> None:
        array = np.arange(LARGE).astype(">f8")
        result = roundtrip(array, "joblib", None, {"mmap_mode": None, "ensure_native_byte_order": True})
        assert result.dtype == np.dtype("f8")
        assert result[-1] == LARGE - 1

    def test_what_was_written_by_joblib_elsewhere_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        joblib.dump({"a": np.arange(10), "b": 1}, path)
        assert unpack(path, "joblib", {})["a"].tolist() == list(range(10))  # type: ignore[index]
        assert unpack(path.read_bytes(), "joblib", {})["b"] == 1  # type: ignore[index]

    def test_a_value_that_only_fails_while_it_is_written(self) -> None:
        class Fickle:
            tries = 0

            def __reduce__(self) -> Any:
                type(self).tries += 1
                if self.tries > 1:
                    raise ValueError("no second time")
                return int, (1,)

        payload = pack([np.zeros(LARGE), Fickle()], "joblib", {})
        with pytest.raises(SerializationError, match=r"'joblib' cannot store.*no second time"):
            bytes_of(payload)

    def test_a_failing_store_is_not_taken_for_a_failing_value(self) -> None:
        class Full(io.BytesIO):
            def write(self, _: Any) -> int:
                raise StorageError("full")

        with pytest.raises(StorageError, match="full"):
            pack(np.zeros(LARGE), "joblib", {}).write_to(Full())


class TestPickle5Format:
    def test_the_layout_is_as_documented(self) -> None:
        data = bytes_of(pack([Memory(b"a" * 2000), Memory(b"short"), Memory(b"b" * 1024)], "pickle5", {}))
        numbers = [int.from_bytes(data[position : position + 8], "little") for position in (8, 16, 24, 32)]
        stream, count, *lengths = numbers
        assert data[:8] == MAGIC == b"PVPKL5\r\n"
        assert (count, lengths) == (2, [2000, 1024])
        start = 40 + stream
        first = start + -start % 64
        second = first + 2000 + -(first + 2000) % 64
        assert data[first : first + 2000] == b"a" * 2000
        assert data[second:] == b"b" * 1024
        assert data[start:first].strip(b"\0") == data[first + 2000 : second].strip(b"\0") == b""
        restored = pickle.loads(data[40:start], buffers=[data[first : first + 2000], data[second:]])
        assert restored == [b"a" * 2000, b"short", b"b" * 1024]

    def test_files_of_earlier_versions_are_read(self) -> None:
        """The golden file must be read by every later version, and is what this version writes."""
        value = ["text", Memory(bytes(range(256)) * 5), {"few": Memory(b"few")}, Memory(b"z" * 1500)]
        expected = ["text", bytes(range(256)) * 5, {"few": b"few"}, b"z" * 1500]
        assert unpack(GOLDEN, "pickle5", {}) == expected
        assert unpack(GOLDEN.read_bytes(), "pickle5", {}) == expected
        assert bytes_of(pack(value, "pickle5", {})) == GOLDEN.read_bytes()

    def test_it_takes_no_other_options(self) -> None:
        with pytest.raises(SerializationError, match=r"no dump_kwargs, got \['compress'\]"):
            pack(1, "pickle5", {"compress": 3})
        with pytest.raises(SerializationError, match=r"no load_kwargs but mmap_mode, got \['x'\]"):
            unpack(bytes_of(pack(1, "pickle5", {})), "pickle5", {"x": 3})

    def test_a_cut_file_is_told(self) -> None:
        data = bytes_of(pack(np.arange(LARGE), "pickle5", {}))
        for length in (10, 30, 60, len(data) // 2):
            with pytest.raises(SerializationError, match="pickle5"):
                unpack(data[:length], "pickle5", {})
