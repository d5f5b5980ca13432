"""pyarrow: tables and arrays by type and values.

Chunks, offsets, dictionaries' numbering, what lies under nulls, and metadata of schemas do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from provenance.hashing import Array, Parts, Undetermined, register_encoder


def _table(obj: Any) -> Parts:
    fields = [(field.name, str(field.type), field.nullable) for field in obj.schema]
    columns = [_values(_chunks(column), field.type) for column, field in zip(obj.columns, obj.schema, strict=True)]
    labels = ("", "", "", *(f"[{name!r}]" for name, _, _ in fields))
    return Parts("pyarrow.Table", (type(obj).__name__, fields, obj.num_rows, *columns), labels)


def _array(obj: Any) -> Parts:
    kind = "ChunkedArray" if isinstance(obj, pa.ChunkedArray) else "Array"
    return Parts("pyarrow.Array", (kind, str(obj.type), len(obj), _values(_chunks(obj), obj.type)))


def _scalar(obj: Any) -> Parts:
    return Parts("pyarrow.Scalar", (str(obj.type), _values([pa.array([obj], obj.type)], obj.type)))


def _chunks(obj: Any) -> list[Any]:
    return list(obj.chunks) if isinstance(obj, pa.ChunkedArray) else [obj]


# --- values of one column, chunk by chunk


def _values(chunks: list[Any], kind: Any) -> Parts:
    """Nulls and values of a column given in chunks."""
    count = sum(map(len, chunks))
    nulls = None
    if any(chunk.null_count for chunk in chunks):
        nulls = _raw("nulls", count, lambda: (_bytes_of_booleans(chunk.is_null()) for chunk in chunks), count)
    return Parts("pyarrow.values", (count, nulls, *_present(chunks, kind)))


def _present(chunks: list[Any], kind: Any) -> tuple[object, ...]:
    if isinstance(kind, pa.BaseExtensionType):
        return _present([chunk.storage for chunk in chunks], kind.storage_type)
    if kinds.is_dictionary(kind):
        return (_values([chunk.dictionary_decode() for chunk in chunks], kind.value_type),)
    if kinds.is_null(kind):
        return ()
    if kinds.is_boolean(kind):
        filled = [chunk.fill_null(pa.scalar(value=False)) if chunk.null_count else chunk for chunk in chunks]
        count = sum(map(len, chunks))
        return (_raw("bool", count, lambda: map(_bytes_of_booleans, filled), count),)
    if _is_text(kind):
        return _text([chunk.cast(pa.large_binary()) for chunk in chunks])
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_map(kind) or kinds.is_fixed_size_list(kind):
        return _lists(chunks, kind)
    if kinds.is_struct(kind):
        return _structs(chunks, kind)
    width = _width(kind)
    if width is None:
        return ([value for chunk in chunks for value in chunk.to_pylist()],)
    filled = [_zero_under_nulls(chunk, width) for chunk in chunks]
    size = sum(map(len, chunks)) * width
    return (_raw(str(kind), size // width, lambda: (_fixed(chunk, width) for chunk in filled), size),)


def _raw(kind: str, count: int, blocks: Callable[[], Iterator[memoryview]], size: int) -> Array:
    return Array("pyarrow.memory", kind, (count,), size, blocks)


def _bytes_of_booleans(chunk: Any) -> memoryview:
    numbers = chunk.cast(pa.uint8())
    return _fixed(numbers, 1)


def _width(kind: Any) -> int | None:
    try:
        return kind.bit_width // 8 or None
    except ValueError:
        return None


def _fixed(chunk: Any, width: int) -> memoryview:
    data = chunk.buffers()[1]
    if data is None or not len(chunk):
        return memoryview(b"")
    return memoryview(data).cast("B")[chunk.offset * width : (chunk.offset + len(chunk)) * width]


def _zero_under_nulls(chunk: Any, width: int) -> Any:
    if not chunk.null_count:
        return chunk
    zero = pa.Array.from_buffers(chunk.type, 1, [None, pa.py_buffer(bytes(width))])[0]
    return pc.if_else(chunk.is_valid(), chunk, zero)


def _is_text(kind: Any) -> bool:
    return kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())


def _text(chunks: list[Any]) -> tuple[object, ...]:
    filled = [chunk.fill_null(b"") if chunk.null_count else chunk for chunk in chunks]
    lengths = [pc.binary_length(chunk).cast(pa.uint32()) for chunk in filled]
    texts = [_text_of(chunk) for chunk in filled]
    return _lengths(lengths), _raw("utf8", size := sum(map(len, texts)), lambda: iter(texts), size)


def _lengths(lengths: list[Any]) -> Array:
    count = sum(map(len, lengths))
    return _raw("lengths", count, lambda: (_fixed(chunk, 4) for chunk in lengths), count * 4)


def _text_of(chunk: Any) -> memoryview:
    _, offsets, data = chunk.buffers()
    if data is None or not len(chunk):
        return memoryview(b"")
    places = memoryview(offsets).cast("B").cast("q")
    return memoryview(data).cast("B")[places[chunk.offset] : places[chunk.offset + len(chunk)]]


def _lists(chunks: list[Any], kind: Any) -> tuple[object, ...]:
    if kinds.is_map(kind):
        as_list = pa.list_(pa.struct([kind.key_field, kind.item_field]))
        chunks, kind = [_map_as_list(chunk, as_list) for chunk in chunks], as_list
    lengths = [pc.list_value_length(chunk).cast(pa.uint32()).fill_null(0) for chunk in chunks]
    return _lengths(lengths), _values([pc.list_flatten(chunk) for chunk in chunks], kind.value_type)


def _map_as_list(chunk: Any, kind: Any) -> Any:
    return chunk.cast(kind)


def _structs(chunks: list[Any], kind: Any) -> tuple[object, ...]:
    columns = [chunk.flatten() for chunk in chunks]
    return tuple(
        _values([parts[place] for parts in columns], kind.field(place).type) for place in range(kind.num_fields)
    )


# --- types


def _type(obj: Any) -> Parts:
    return Parts("pyarrow.DataType", (str(obj),))


def _field(obj: Any) -> Parts:
    return Parts("pyarrow.Field", (obj.name, str(obj.type), obj.nullable))


def _schema(obj: Any) -> Parts:
    return Parts("pyarrow.Schema", [(field.name, str(field.type), field.nullable) for field in obj])


def _buffer(obj: Any) -> Array:
    view = memoryview(obj).cast("B")
    return Array("pyarrow.Buffer", "u1", (len(view),), len(view), lambda: (view,))


def _refuse(obj: object) -> Parts:
    raise Undetermined(f"a {type(obj).__name__} is a stream or a handle", "Pass the table it yields.")


register_encoder(pa.Table, _table)
register_encoder(pa.RecordBatch, _table)
register_encoder(pa.Array, _array)
register_encoder(pa.ChunkedArray, _array)
register_encoder(pa.Scalar, _scalar)
register_encoder(pa.DataType, _type)
register_encoder(pa.Field, _field)
register_encoder(pa.Schema, _schema)
register_encoder(pa.Buffer, _buffer)
register_encoder(pa.NativeFile, _refuse)
register_encoder(pa.RecordBatchReader, _refuse)
