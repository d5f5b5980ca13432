"""``array``: what is stored is what the hash is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from provenance import hash as hash_of
from provenance._util.payload import bytes_of
from provenance.errors import SerializationError
from provenance.serializers import pack, serializer_for, unpack
from provenance.serializers.array import encoded_array

LARGE = 1 << 17
"""Items of 8 bytes in the smallest array that counts as large."""
DTYPES = ["?", "i1", "<u2", "<i4", "<f2", "<f4", "<f8", "<c16", "<M8[ns]", "<m8[D]", "S5", "<U7"]


def numbers(count: int = LARGE) -> Any:
    return np.random.default_rng(0).random(count)


class TestBytes:
    @given(hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, max_side=40)))
    @settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
    def test_their_digest_is_the_hash_of_the_value(self, array: Any) -> None:
        data = bytes_of(pack(array, "array", {}))
        assert blake3(data).hexdigest() == hash_of(array)
        loaded: Any = unpack(data, "array", {})
        assert (loaded.dtype, loaded.shape, loaded.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert loaded.flags.aligned
        assert loaded.flags.writeable

    @pytest.mark.parametrize("shape", [(LARGE,), (2, LARGE), (3, 5, LARGE)])
    def test_so_it_is_for_large_ones(self, shape: tuple[int, ...], tmp_path: Path) -> None:
        array = np.random.default_rng(0).random(shape)
        data = bytes_of(pack(array, "array", {}))
        assert blake3(data).hexdigest() == hash_of(array) == hash_of(np.asfortranarray(array))
        (tmp_path / "value").write_bytes(data)
        loaded: Any = unpack(tmp_path / "value", "array", {})
        assert np.array_equal(loaded, array)
        assert type(loaded) is np.ndarray
        assert loaded.ctypes.data % 64 == 0

    def test_packing_copies_nothing(self) -> None:
        array = numbers()
        payload: Any = pack(array, "array", {})
        assert np.shares_memory(np.frombuffer(payload.pieces[1], "u1"), array)

    @pytest.mark.parametrize("data", [b"", b"PVPKL5\r\n", b"M(\x01\x00\x00\x00u\x01\x00\x00\x00x", bytes(100)])
    def test_other_bytes_are_refused(self, data: bytes) -> None:
        with pytest.raises(SerializationError, match="array"):
            unpack(data, "array", {})

    def test_bytes_that_end_too_soon_are_refused(self) -> None:
        with pytest.raises(SerializationError, match="array"):
            unpack(bytes_of(pack(numbers(), "array", {}))[:-1], "array", {})

    @pytest.mark.parametrize("options", [{"compress": 3}])
    def test_there_are_no_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(SerializationError, match="compress"):
            pack(numbers(), "array", options)
        with pytest.raises(SerializationError, match="compress"):
            unpack(bytes_of(pack(numbers(), "array", {})), "array", options)


def read_only() -> Any:
    array = numbers()
    array.flags.writeable = False
    return array


class Subclass(np.ndarray):
    """An array of another type."""


OTHERS = {
    "Fortran order": lambda: np.asfortranarray(numbers(2 * LARGE).reshape(2, -1)),
    "gaps": lambda: numbers(2 * LARGE)[::2],
    "big-endian": lambda: numbers().astype(">f8"),
    "extended precision": lambda: numbers().astype(np.longdouble),
    "objects": lambda: np.array([None] * LARGE),
    "records": lambda: np.zeros(LARGE, [("a", "<f8")]),
    "strings of any length": lambda: np.array(["text"] * LARGE, np.dtypes.StringDType()),
    "read-only": read_only,
    "a dtype with metadata": lambda: numbers().view(np.dtype("<f8", metadata={"unit": "m"})),
    "a subclass": lambda: numbers().view(Subclass),
    "no array": lambda: [1.5],
}


class TestChoice:
    def test_large_arrays_get_it(self) -> None:
        assert serializer_for(numbers()) == "array"
        assert encoded_array(numbers()) is not None

    def test_small_ones_do_not(self) -> None:
        assert serializer_for(numbers(LARGE - 1)) == "pickle5"
        assert encoded_array(numbers(LARGE - 1)) is None

    @pytest.mark.parametrize("kind", OTHERS)
    def test_nor_does_what_is_hashed_as_other_bytes_or_would_come_back_otherwise(self, kind: str) -> None:
        value: Any = OTHERS[kind]()
        assert serializer_for(value) in {"pickle5", "joblib"}
        assert encoded_array(value) is None
        with pytest.raises(SerializationError, match="array"):
            pack(value, "array", {})
