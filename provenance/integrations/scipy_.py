"""scipy: sparse matrices and arrays by format, shape and entries in canonical order."""

from __future__ import annotations

from typing import Any

import numpy as np

from provenance.hashing import Parts, register_encoder


def _sparse(obj: Any) -> Parts:
    """Entries sorted by place, duplicates added up; the width of indices, and the order they lie in, do not count."""
    shape = tuple(int(size) for size in obj.shape)
    if obj.format in ("csr", "csc") and len(shape) > 1:
        entries = obj if obj.has_canonical_format else _canonical(obj)
        places: tuple[object, ...] = (entries.indptr.astype(np.int64), entries.indices.astype(np.int64))
    else:
        entries = _canonical(obj.tocoo())
        places = tuple(place.astype(np.int64) for place in entries.coords)
    return Parts("scipy.sparse", (type(obj).__name__, shape, entries.data, *places), ("", "", ".data"))


def _canonical(obj: Any) -> Any:
    copy = obj.copy()
    copy.sum_duplicates()
    return copy


register_encoder("scipy.sparse._base._spbase", _sparse)
