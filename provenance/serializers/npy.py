"""``npy``: one numpy array in numpy's own file format, which other programs read too."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from provenance._util.payload import Buffers
from provenance.errors import SerializationError
from provenance.serializers.mapping import MAP_FROM_BYTES, check_mode
from provenance.serializers.records import Kwargs, Serializer, dotted_name

_MOST_HEADER = 1 << 26


def pack(value: object, kwargs: Kwargs) -> Buffers:
    """Write an array as `numpy.save` does; ``allow_pickle=True`` is needed for arrays of objects."""
    import numpy as np  # noqa: PLC0415  loaded when first used

    if not isinstance(value, np.ndarray | np.generic):
        kind = dotted_name(type(value))
        msg = f"serializer 'npy' takes numpy arrays, got {kind}; leave out serializer= to choose by type"
        raise SerializationError(msg)
    array = np.asarray(value)
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = array.copy()
    if not kwargs and not array.dtype.hasobject and array.dtype.itemsize:
        return _header_and_memory(array, np)
    file = io.BytesIO()
    options: dict[str, Any] = {"allow_pickle": False, **kwargs}
    np.save(file, array, **options)
    return Buffers((file.getvalue(),))


def _header_and_memory(array: Any, np: Any) -> Buffers:
    header = io.BytesIO()
    try:
        np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    except ValueError:  # the first version of the format has no room for this dtype; the last one has
        whole = io.BytesIO()
        np.lib.format.write_array(whole, array, version=(3, 0))
        return Buffers((whole.getvalue(),))
    rows = array if array.flags.c_contiguous else array.T
    return Buffers((header.getvalue(), memoryview(rows.reshape(-1).view("u1"))))


def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
    """Read an array as `numpy.load` does, by default mapped copy-on-write (``mmap_mode="c"``)."""
    import numpy as np  # noqa: PLC0415  loaded when first used

    mode = check_mode(kwargs.get("mmap_mode", "c"))
    options: dict[str, Any] = {"max_header_size": _MOST_HEADER, **kwargs}
    options.pop("mmap_mode", None)
    if not isinstance(source, Path):
        return np.load(io.BytesIO(source), **options)
    if source.stat().st_size < MAP_FROM_BYTES:
        mode = None
    return np.asarray(np.load(source, mmap_mode=mode, **options))  # type: ignore[arg-type]


SERIALIZER = Serializer("npy", "application/x-npy", pack, unpack)
