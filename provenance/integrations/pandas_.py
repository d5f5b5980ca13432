"""pandas: frames and series by their labels and, column by column, their values.

How a frame keeps its columns in blocks, where strings are stored (which depends on whether pyarrow is installed),
how the levels of a MultiIndex are numbered, and what lies under missing values does not count. `attrs` do, as do
names, the frequency of an index and the order of categories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from provenance.hashing import Array, Attributes, Parts, Undetermined, register_encoder, type_name

if TYPE_CHECKING:
    from collections.abc import Callable


def _of_kind(kind: str, cls: type, obj: Any, parts: tuple[object, ...], labels: tuple[str, ...]) -> Parts:
    """Describe an object; for a subclass, its name and what it says it keeps besides are parts too."""
    if type(obj) is cls:
        return Parts(kind, parts, labels)
    extra = {name: getattr(obj, name, None) for name in getattr(obj, "_metadata", ())}
    return Parts("subclass", (type_name(type(obj)), Parts(kind, parts, labels), Attributes(extra)))


def _frame(obj: pd.DataFrame) -> Parts:
    columns = list(obj.items())
    labels = (".columns", ".index", ".attrs", *(f"[{name!r}]" if type(name) is str else "[...]" for name, _ in columns))
    values = (_values(column.array) for _, column in columns)
    return _of_kind("pandas.DataFrame", pd.DataFrame, obj, (obj.columns, obj.index, obj.attrs or None, *values), labels)


def _series(obj: pd.Series[Any]) -> Parts:
    parts = (obj.name, obj.index, obj.attrs or None, _values(obj.array))
    return _of_kind("pandas.Series", pd.Series, obj, parts, (".name", ".index", ".attrs", ".array"))


# --- values


def _values(array: Any) -> object:
    """What stands for the values of a column or index."""
    for cls in type(array).__mro__:
        if cls in _ARRAYS:
            return _ARRAYS[cls](array)
    return array


def _plain(array: Any) -> object:
    return array.to_numpy()


def _strings(array: Any) -> Parts:
    """Nulls, lengths and UTF-8 of strings, alike for each way they are stored."""
    missing = "NA" if array.dtype.na_value is pd.NA else "nan"
    nulls, lengths, text = (_arrow_text if array.dtype.storage == "pyarrow" else _python_text)(array)
    data = Array("utf8", "u1", (len(text),), len(text), lambda: (text,))
    return Parts("pandas.strings", (missing, nulls, lengths.astype("<u4", copy=False), data))


_Text = tuple[np.ndarray[Any, Any] | None, np.ndarray[Any, Any], memoryview]


def _python_text(array: Any) -> _Text:
    texts, nulls = array.to_numpy(dtype=object), array.isna()
    if nulls.any():
        texts = np.where(nulls, "", texts)
    else:
        nulls = None
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return nulls, np.fromiter(map(len, encoded), np.int64, len(encoded)), memoryview(b"".join(encoded))


def _arrow_text(array: Any) -> _Text:
    import pyarrow as pa  # noqa: PLC0415  only reached when strings are stored by it

    chunks = array.__arrow_array__()
    nulls = None
    if chunks.null_count:
        nulls, chunks = chunks.is_null().to_numpy(), chunks.fill_null("")
    if not len(chunks):
        return nulls, np.zeros(0, np.int64), memoryview(b"")
    texts = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    _, offsets, data = (texts if texts.type == pa.large_string() else texts.cast(pa.large_string())).buffers()
    places = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.empty(len(texts), "<u4")
    np.subtract(places[1:], places[:-1], out=lengths, casting="unsafe")
    return nulls, lengths, memoryview(data)[places[0] : places[-1]]


def _categories(array: pd.Categorical) -> Parts:
    return Parts("pandas.Categorical", (array.codes, array.categories, bool(array.ordered)), ("", ".categories"))


def _masked(array: Any) -> Parts:
    nulls = np.asarray(array.isna())
    dtype = array.dtype.numpy_dtype
    values = array.to_numpy(dtype=dtype, na_value=dtype.type(0))
    return Parts("pandas.masked", (str(array.dtype), nulls if nulls.any() else None, values))


def _times(array: Any) -> object:
    if isinstance(array.dtype, np.dtype):
        return array.to_numpy()
    return Parts("pandas.times", (str(array.dtype), array.asi8))


def _periods(array: Any) -> Parts:
    return Parts("pandas.periods", (array.dtype.name, array.asi8))


def _intervals(array: Any) -> Parts:
    return Parts("pandas.intervals", (array.closed, array.left, array.right), ("", ".left", ".right"))


def _sparse(array: Any) -> Parts:
    fill = np.asarray(array.fill_value)
    return Parts("pandas.sparse", (str(array.dtype.subtype), fill, np.asarray(array)))


def _arrow(array: Any) -> Parts:
    import pyarrow as pa  # noqa: PLC0415  the array is made of it

    return Parts("pandas.arrow", (pa.chunked_array(array.__arrow_array__()),))


_ARRAYS: dict[type, Callable[[Any], object]] = {
    pd.arrays.NumpyExtensionArray: _plain,
    pd.Categorical: _categories,
    pd.arrays.DatetimeArray: _times,
    pd.arrays.TimedeltaArray: _times,
    pd.arrays.PeriodArray: _periods,
    pd.arrays.IntervalArray: _intervals,
    pd.arrays.SparseArray: _sparse,
    pd.arrays.StringArray: _strings,
    pd.arrays.ArrowStringArray: _strings,
    pd.arrays.ArrowExtensionArray: _arrow,
    pd.arrays.IntegerArray: _masked,
    pd.arrays.FloatingArray: _masked,
    pd.arrays.BooleanArray: _masked,
}


def _array(obj: Any) -> Parts:
    return Parts("pandas.array", (_values(obj),))


# --- labels


def _index(obj: pd.Index[Any]) -> Parts:
    parts = (_type_name_of_index(obj), obj.name, getattr(obj, "freqstr", None), _values(obj.array))
    return Parts("pandas.Index", parts, ("", ".name", ".freq", ".array"))


def _type_name_of_index(obj: pd.Index[Any]) -> str:
    cls = type(obj)
    return cls.__name__ if cls.__module__.partition(".")[0] == "pandas" else type_name(cls)


def _range_index(obj: pd.RangeIndex) -> Parts:
    return Parts("pandas.RangeIndex", (obj.name, obj.start, obj.stop, obj.step), (".name",))


def _multi_index(obj: pd.MultiIndex) -> Parts:
    levels = [_values(obj.get_level_values(place).array) for place in range(obj.nlevels)]
    return Parts(
        "pandas.MultiIndex", (list(obj.names), *levels), (".names", *(f".levels[{i}]" for i in range(obj.nlevels)))
    )


# --- scalars and types


def _timestamp(obj: pd.Timestamp) -> Parts:
    return Parts("pandas.Timestamp", (obj.to_numpy(), obj.tzinfo, obj.fold), ("", ".tzinfo"))


def _timedelta(obj: pd.Timedelta) -> Parts:
    return Parts("pandas.Timedelta", (obj.to_numpy(),))


def _period(obj: pd.Period) -> Parts:
    return Parts("pandas.Period", (obj.ordinal, obj.freqstr))


def _interval(obj: pd.Interval[Any]) -> Parts:
    return Parts("pandas.Interval", (obj.left, obj.right, obj.closed), (".left", ".right"))


def _missing(obj: object) -> Parts:
    return Parts("constant", (f"pandas.{obj}",))


def _dtype(obj: Any) -> Parts:
    if isinstance(obj, pd.CategoricalDtype):
        return Parts("pandas.dtype", ("category", obj.categories, obj.ordered), ("", ".categories"))
    if isinstance(obj, pd.StringDtype):
        return Parts("pandas.dtype", ("string", "NA" if obj.na_value is pd.NA else "nan"))
    if isinstance(obj, pd.SparseDtype):
        return Parts("pandas.dtype", ("sparse", str(obj.subtype), np.asarray(obj.fill_value)))
    return Parts("pandas.dtype", (str(obj),))


def _refuse_grouping(_: object) -> Parts:
    raise Undetermined("a grouping is a view of a frame that pandas computes step by step", "Pass the frame itself.")


register_encoder(pd.DataFrame, _frame)
register_encoder(pd.Series, _series)
register_encoder(pd.Index, _index)
register_encoder(pd.RangeIndex, _range_index)
register_encoder(pd.MultiIndex, _multi_index)
for _cls in _ARRAYS:
    register_encoder(_cls, _array)
register_encoder(pd.Timestamp, _timestamp)
register_encoder(pd.Timedelta, _timedelta)
register_encoder(pd.Period, _period)
register_encoder(pd.Interval, _interval)
register_encoder(type(pd.NaT), _missing)
register_encoder(type(pd.NA), _missing)
register_encoder(pd.api.extensions.ExtensionDtype, _dtype)
register_encoder(pd.api.typing.DataFrameGroupBy, _refuse_grouping)
register_encoder(pd.api.typing.SeriesGroupBy, _refuse_grouping)
