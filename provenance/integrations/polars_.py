"""polars: frames and series by type and values, read through plain Python or numpy; pyarrow is not needed."""

from __future__ import annotations

from array import array
from typing import Any

import polars as pl

from provenance.hashing import Array, Parts, Undetermined, register_encoder

try:
    import numpy as np  # noqa: F401  polars panics where it is asked for an array and there is no numpy
except ImportError:
    _HAS_NUMPY = False
else:
    _HAS_NUMPY = True

_INTEGERS: dict[Any, str] = {pl.Int8: "b", pl.Int16: "h", pl.Int32: "i", pl.Int64: "q"}
_CODES = _INTEGERS | {pl.UInt8: "B", pl.UInt16: "H", pl.UInt32: "I", pl.UInt64: "Q", pl.Float32: "f", pl.Float64: "d"}


def _frame(obj: pl.DataFrame) -> Parts:
    columns = [_values(column) for column in obj.get_columns()]
    labels = ("", "", *(f"[{name!r}]" for name in obj.columns))
    return Parts("polars.DataFrame", (tuple(obj.columns), obj.height, *columns), labels)


def _series(obj: pl.Series) -> Parts:
    return Parts("polars.Series", (obj.name, _values(obj)))


def _values(series: pl.Series) -> Parts:
    dtype = series.dtype
    nulls = _values(series.is_null().rename("")) if series.null_count() else None
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return Parts("polars.values", (repr(dtype), nulls, *_text(series.cast(pl.String))))
    if isinstance(dtype, pl.Struct):
        return Parts("polars.values", (repr(dtype), nulls, *map(_values, series.struct.unnest().get_columns())))
    physical = series.cast(pl.UInt8) if isinstance(dtype, pl.Boolean) else series.to_physical()
    code = _CODES.get(physical.dtype.base_type())
    if code is None:
        return Parts("polars.values", (repr(dtype), physical.to_list()))
    return Parts("polars.values", (repr(dtype), nulls, _numbers(physical.fill_null(0), code)))


def _numbers(series: pl.Series, code: str) -> Array:
    data = memoryview(_buffer(series, code)).cast("B") if len(series) else memoryview(b"")
    return Array("polars.memory", code, (len(series),), len(data), lambda: (data,))


def _text(series: pl.Series) -> tuple[object, ...]:
    lengths = series.str.len_bytes().fill_null(0)
    text = memoryview((series.str.join("").item() or "").encode())
    return _numbers(lengths, "I"), Array("polars.memory", "utf8", (len(text),), len(text), lambda: (text,))


def _buffer(series: pl.Series, code: str) -> Any:
    return series.to_numpy() if _HAS_NUMPY else array(code, series.to_list())


def _lazy(_: object) -> Parts:
    raise Undetermined("a lazy frame has no values yet", "Call `.collect()` and pass the result.")


def _dtype(obj: object) -> Parts:
    return Parts("polars.DataType", (repr(obj),))


def _expression(obj: pl.Expr) -> Parts:
    return Parts("polars.Expr", (obj.meta.serialize(format="json"),))


register_encoder(pl.DataFrame, _frame)
register_encoder(pl.Series, _series)
register_encoder(pl.LazyFrame, _lazy)
register_encoder(pl.DataType, _dtype)
register_encoder(pl.Expr, _expression)
