"""Which serializer a value gets, users' own serializers, and what is said when something does not work."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import xarray as xr

from provenance._util.payload import bytes_of
from provenance.errors import SerializationError
from provenance.serializers import get_serializer, pack, register_serializer, serializer_for, unpack


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


class NamedPoint(Point):
    pass


def dump_point(point: Point, filename: str, indent: int | None = None) -> None:
    Path(filename).write_text(json.dumps({"x": point.x}, indent=indent))


def load_point(filename: str, add: int = 0) -> Point:
    return Point(json.loads(Path(filename).read_text())["x"] + add)


class TestChoice:
    @pytest.mark.parametrize(
        "value",
        [None, 1, 1.5, "x", b"x", [1], (1,), {1}, {"a": 1}, object, len, np.float64(1), pd.Timestamp(0), Point(1)],
        ids=lambda value: type(value).__name__,
    )
    def test_plain_values_get_joblib(self, value: object) -> None:
        assert serializer_for(value) == "joblib"

    @pytest.mark.parametrize(
        "value",
        [
            np.zeros(3),
            np.ma.masked_array([1, 2], [True, False]),
            pd.DataFrame({"a": [1]}),
            pd.Series([1]),
            pd.RangeIndex(3),
            pd.MultiIndex.from_tuples([(1, 2)]),
            pa.table({"a": [1]}),
            pa.RecordBatch.from_pydict({"a": [1]}),
            scipy.sparse.csr_array((2, 2)),
            scipy.sparse.coo_matrix((2, 2)),
            xr.DataArray([1]),
            xr.Dataset({"a": 1}),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_arrays_and_frames_get_pickle5(self, value: object) -> None:
        assert serializer_for(value) == "pickle5"

    def test_choosing_imports_nothing(self) -> None:
        code = """
import sys
from provenance.serializers import pack, serializer_for, unpack
for value in (1, "x", [1, {"a": None}]):
    assert unpack(pack(value, serializer_for(value), {}).to_bytes(), "joblib", {}) == value
print([name for name in ("numpy", "pandas", "joblib", "cloudpickle", "pyarrow") if name in sys.modules])
"""
        assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"


@pytest.mark.usefixtures("own_registry")
class TestUsersOwn:
    def test_round_trip_with_options(self, roundtrip: Any) -> None:
        register_serializer("point", dump_point, load_point)
        assert roundtrip(Point(3), "point", {"indent": 2}, {"add": 4}).x == 7

    def test_it_is_used_for_its_classes_and_their_subclasses(self) -> None:
        register_serializer("point", dump_point, load_point, classes=[Point])
        assert serializer_for(Point(1)) == serializer_for(NamedPoint(1)) == "point"
        assert serializer_for(1) == "joblib"

    def test_the_nearest_class_decides(self) -> None:
        register_serializer("named", dump_point, load_point, classes=[NamedPoint])
        register_serializer("point", dump_point, load_point, classes=[Point])
        assert serializer_for(NamedPoint(1)) == "named"
        assert serializer_for(Point(1)) == "point"

    def test_a_class_can_be_named(self) -> None:
        register_serializer("ordered", dump_point, load_point, classes="collections.OrderedDict")
        assert serializer_for(OrderedDict()) == "ordered"
        assert serializer_for({}) == "joblib"

    def test_a_single_class_will_do(self) -> None:
        register_serializer("point", dump_point, load_point, classes=Point)  # type: ignore[arg-type]
        assert serializer_for(Point(1)) == "point"

    def test_it_can_take_over_what_a_built_in_one_is_used_for(self) -> None:
        register_serializer("mine", dump_point, load_point, classes=["numpy.ndarray"])
        assert serializer_for(np.zeros(1)) == "mine"

    def test_registering_again_replaces_it(self, roundtrip: Any) -> None:
        register_serializer("point", dump_point, load_point)
        register_serializer("point", dump_point, lambda filename: "replaced")
        assert roundtrip(Point(3), "point") == "replaced"

    def test_the_content_type_is_kept(self) -> None:
        register_serializer("point", dump_point, load_point, content_type="application/json")
        assert get_serializer("point").content_type == "application/json"
        register_serializer("other", dump_point, load_point)
        assert get_serializer("other").content_type == "application/octet-stream"

    def test_an_extension_may_be_appended(self, roundtrip: Any) -> None:
        register_serializer("npy file", lambda array, filename: np.save(filename, array), np.load)
        assert roundtrip(np.arange(3), "npy file").tolist() == [0, 1, 2]

    def test_small_and_large_files_have_a_known_size(self, roundtrip: Any) -> None:
        register_serializer(
            "raw", lambda data, name: Path(name).write_bytes(data), lambda name: Path(name).read_bytes()
        )
        small, large = b"x" * 1000, b"x" * (2 << 20)
        assert pack(small, "raw", {}).size == len(small)
        assert pack(large, "raw", {}).size == len(large)
        assert roundtrip(small, "raw") == small
        assert roundtrip(large, "raw") == large

    def test_nothing_stays_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import tempfile

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        register_serializer(
            "raw", lambda data, name: Path(name).write_bytes(data), lambda name: Path(name).read_bytes()
        )
        payload = pack(b"x" * (2 << 20), "raw", {})
        assert unpack(bytes_of(payload), "raw", {}) == b"x" * (2 << 20)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "dump",
        [
            lambda _value, _name: None,
            lambda _value, name: Path(name).mkdir(),
            lambda _value, name: [Path(name + end).write_text("") for end in "ab"],
        ],
        ids=["nothing", "a folder", "two files"],
    )
    def test_dump_must_write_one_file(self, dump: Any) -> None:
        register_serializer("odd", dump, load_point)
        with pytest.raises(SerializationError, match=r"'odd' must write exactly one file"):
            pack(1, "odd", {})

    @pytest.mark.parametrize("name", ["", "joblib", "pickle5", None, 3])
    def test_names_that_cannot_be_given(self, name: Any) -> None:
        with pytest.raises(SerializationError, match="cannot be named"):
            register_serializer(name, dump_point, load_point)

    def test_functions_must_be_callable(self) -> None:
        with pytest.raises(SerializationError, match="load of serializer 'x' must be callable, got str"):
            register_serializer("x", dump_point, "load")  # type: ignore[arg-type]


class TestFailures:
    @pytest.mark.parametrize("name", ["jobilb", "pickel5"])
    def test_an_unknown_name_gets_the_nearest(self, name: str) -> None:
        meant = "joblib" if name[0] == "j" else "pickle5"
        operations: list[Callable[[], object]] = [
            lambda: pack(1, name, {}),
            lambda: unpack(b"", name, {}),
            lambda: get_serializer(name),
        ]
        for operation in operations:
            with pytest.raises(SerializationError, match=rf"no serializer '{name}'.*'{meant}'.*register_serializer"):
                operation()

    def test_a_name_like_none_gets_all(self) -> None:
        with pytest.raises(SerializationError, match="'cloudpickle', 'joblib', 'npy', 'parquet', 'pickle5'"):
            pack(1, "zzz", {})
        with pytest.raises(SerializationError, match="no serializer"):
            get_serializer(["a list"])  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["joblib", "pickle5"])
    @pytest.mark.parametrize("with_array", [False, True])
    def test_what_cannot_be_pickled_is_named_with_a_remedy(self, name: str, with_array: bool) -> None:
        value = {"lock": threading.Lock(), "array": np.zeros(20_000) if with_array else None}
        with pytest.raises(
            SerializationError, match=rf"'{name}' cannot store .*builtins\.dict.*lock.*cloudpickle"
        ) as info:
            pack(value, name, {})
        assert isinstance(info.value.__cause__, TypeError)

    def test_other_serializers_have_another_remedy(self) -> None:
        with pytest.raises(SerializationError, match="use another serializer"):
            pack(threading.Lock(), "cloudpickle", {})

    def test_a_type_that_is_gone(self) -> None:
        data = b"\x80\x05cnowhere_to_be_found\nThing\n."
        for name in ("joblib", "cloudpickle"):
            with pytest.raises(
                SerializationError, match=rf"'{name}' cannot read.*nowhere_to_be_found.*install"
            ) as info:
                unpack(data, name, {})
            assert isinstance(info.value.__cause__, ModuleNotFoundError)

    @pytest.mark.parametrize("name", ["joblib", "cloudpickle", "pickle5", "npy", "parquet"])
    @pytest.mark.parametrize("data", [b"", b"nonsense", b"\x80\x05"])
    def test_bytes_of_something_else(self, name: str, data: bytes, tmp_path: Path) -> None:
        with pytest.raises(SerializationError, match=name):
            unpack(data, name, {})
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(SerializationError, match=name):
            unpack(tmp_path / "file", name, {})

    @pytest.mark.usefixtures("own_registry")
    def test_a_users_error_is_chained(self) -> None:
        def fail(*_: object, **__: object) -> None:
            raise KeyError

        register_serializer("bad", fail, fail)
        with pytest.raises(
            SerializationError, match=r"'bad' cannot store a value of type builtins\.int: KeyError;"
        ) as info:
            pack(1, "bad", {})
        assert isinstance(info.value.__cause__, KeyError)
        with pytest.raises(SerializationError, match="'bad' cannot read a stored value: KeyError; check load_kwargs"):
            unpack(b"", "bad", {})

    def test_unpicklable_recursion(self) -> None:
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(SerializationError, match="RecursionError"):
            pack(deep, "joblib", {})
