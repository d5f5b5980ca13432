"""``parquet``: pandas and pyarrow frames as Parquet, smaller and readable elsewhere, but slower than the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance._util.payload import Buffers
from provenance.errors import SerializationError
from provenance.serializers.records import Kwargs, Serializer, dotted_name

_KIND = b"provenance.kind"


def pack(value: object, kwargs: Kwargs) -> Buffers:
    """Write a DataFrame, Series, pyarrow Table or RecordBatch by ``pyarrow.parquet.write_table(table, **kwargs)``."""
    import pyarrow as pa  # noqa: PLC0415  loaded when first used
    import pyarrow.parquet as pq  # noqa: PLC0415

    kind, table = _as_table(value, pa)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KIND: kind})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **{"compression": "lz4", **kwargs})
    return Buffers((memoryview(sink.getvalue()),))


def _as_table(value: object, pa: Any) -> tuple[bytes, Any]:
    if isinstance(value, pa.Table):
        return b"table", value
    if isinstance(value, pa.RecordBatch):
        return b"batch", pa.Table.from_batches([value])
    import pandas as pd  # noqa: PLC0415  loaded when first used

    if isinstance(value, pd.DataFrame):
        return b"frame", pa.Table.from_pandas(value)
    if isinstance(value, pd.Series):
        return (b"series" if value.name is not None else b"unnamed"), pa.Table.from_pandas(value.to_frame())
    msg = (
        f"serializer 'parquet' takes pandas and pyarrow frames, got {dotted_name(type(value))}; "
        "leave out serializer= to choose by type"
    )
    raise SerializationError(msg)


def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
    """Read what was written, of the same type, by ``pyarrow.parquet.read_table(source, **kwargs)``."""
    import pyarrow as pa  # noqa: PLC0415  loaded when first used
    import pyarrow.parquet as pq  # noqa: PLC0415

    table: Any = pq.read_table(source if isinstance(source, Path) else pa.BufferReader(source), **kwargs)
    metadata = dict(table.schema.metadata or {})
    kind = metadata.pop(_KIND, b"table")
    table = table.replace_schema_metadata(metadata or None)
    if kind == b"table":
        return table
    if kind == b"batch":
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    frame = table.to_pandas()
    if kind == b"frame":
        return frame
    series = frame.iloc[:, 0]
    return series if kind == b"series" else series.rename(None)


SERIALIZER = Serializer("parquet", "application/vnd.apache.parquet", pack, unpack)
