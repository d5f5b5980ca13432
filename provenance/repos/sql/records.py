"""Rows as records, and records as parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from provenance._util.log import Log
from provenance.errors import SerializationError
from provenance.repos.json_fields import dump_json, label_items
from provenance.repos.sql.dialect import Dialect
from provenance.repos.storable_text import original_text, storable_text
from provenance.types import JSON, ArtifactRecord, BlobKey, BlobRef, Durations, InputEdge, Version

_log = Log("provenance.repos")

COLUMNS = (
    "id",
    "value_id",
    "value_encoding",
    "name",
    "version",
    "fn_module",
    "fn_name",
    "hash_scheme",
    "composite",
    "serializer",
    "load_kwargs",
    "dump_kwargs",
    "value_type",
    "value_callable",
    "value_blob",
    "value_size",
    "value_inline",
    "inputs_blob",
    "inputs_size",
    "inputs_inline",
    "input_hashes",
    "inputs_json",
    "custom_fields",
    "run_id",
    "hash_seconds",
    "compute_seconds",
    "value_hash_seconds",
    "store_seconds",
    "edge_count",
    "recipe",
    "code_id",
    "computed_at",
)
"""Columns of an artifact in the order of `parameters`; in rows read, the sequence comes before and the edges after."""

FAILURE_COLUMNS = (
    "sequence",
    "artifact_id",
    "name",
    "version",
    "fn_module",
    "fn_name",
    "input_hashes",
    "inputs_json",
    "error_type",
    "message",
    "traceback",
    "compute_seconds",
    "run_id",
    "job_id",
    "failed_at",
)
"""Columns of a call that raised, in the order of the rows."""

_CHECKSUM_BYTES = 16
_decode = json.JSONDecoder().raw_decode
_shown = json.JSONEncoder(allow_nan=False).encode


def parameters(record: ArtifactRecord, dialect: Dialect) -> tuple[object, ...]:
    """A record as the parameters of its row.

    Raises
    ------
    SerializationError
        Its inputs are not shown as JSON.
    """
    as_json, value, inputs, seconds = dialect.json_parameter, record.value_blob, record.inputs_blob, record.durations
    return (
        record.id,
        record.value_id,
        record.value_encoding,
        storable_text(record.name),
        _shown_version(record.version),
        storable_text(record.fn_module),
        storable_text(record.fn_name),
        record.hash_scheme,
        record.composite,
        storable_text(record.serializer),
        as_json(dump_json(record.load_kwargs) if record.load_kwargs else "{}"),
        as_json(dump_json(record.dump_kwargs) if record.dump_kwargs else "{}"),
        storable_text(record.value_type),
        record.value_callable,
        None if value is None else value.key,
        None if value is None else value.size,
        _sealed(record.value_inline),
        None if inputs is None else inputs.key,
        None if inputs is None else inputs.size,
        _sealed(record.inputs_inline),
        as_json(json.dumps(record.input_hashes)),
        as_json(_shown_inputs(record)),
        as_json(dump_json(record.custom_fields) if record.custom_fields else "{}"),
        record.run_id,
        seconds.hash,
        seconds.compute,
        seconds.value_hash,
        seconds.store,
        len(record.edges),
        record.recipe,
        record.code_id,
        None if record.computed_at is None else dialect.time_parameter(record.computed_at),
    )


def _shown_version(version: Version) -> str:
    # Of an integer, the encoder of json takes ten times as long to write the same.
    return repr(version) if type(version) is int else json.dumps(version)


def _shown_inputs(record: ArtifactRecord) -> str:
    try:
        return _shown(record.inputs_json)
    except (TypeError, ValueError, RecursionError) as exc:
        msg = f"inputs_json of {record.name!r} is not JSON: {exc}"
        raise SerializationError(msg) from exc


def edge_parameters(record: ArtifactRecord, sequence: int) -> list[tuple[object, ...]]:
    """The references of a record as the parameters of their rows."""
    return [
        (sequence, position, edge.artifact_id, storable_text(edge.path), edge.kind)
        for position, edge in enumerate(record.edges)
    ]


def record_from(row: Any, dialect: Dialect) -> ArtifactRecord:
    """A row as a record. Bytes in it that are damaged are left out, so that the value counts as lost."""
    (
        sequence, artifact_id, value_id, value_encoding, name, version, fn_module, fn_name, hash_scheme, composite,
        serializer, load_kwargs, dump_kwargs, value_type, value_callable, value_blob, value_size, value_inline,
        inputs_blob, inputs_size, inputs_inline, input_hashes, inputs_json, custom_fields, run_id, hash_seconds,
        compute_seconds, value_hash_seconds, store_seconds, _, recipe, code_id, computed_at, edges,
    ) = row  # fmt: skip
    from_json: Any = dialect.json_value
    return ArtifactRecord(
        id=artifact_id,
        value_id=value_id,
        value_encoding=value_encoding,
        name=original_text(name),
        version=_decode(version)[0],
        fn_module=original_text(fn_module),
        fn_name=original_text(fn_name),
        hash_scheme=hash_scheme,
        composite=bool(composite),
        serializer=original_text(serializer),
        load_kwargs=from_json(load_kwargs),
        dump_kwargs=from_json(dump_kwargs),
        value_type=original_text(value_type),
        value_callable=bool(value_callable),
        value_blob=None if value_blob is None else BlobRef(BlobKey(value_blob), value_size),
        value_inline=None if value_inline is None else _unsealed(value_inline, artifact_id),
        inputs_blob=None if inputs_blob is None else BlobRef(BlobKey(inputs_blob), inputs_size),
        inputs_inline=None if inputs_inline is None else _unsealed(inputs_inline, artifact_id),
        input_hashes=from_json(input_hashes),
        inputs_json=from_json(inputs_json),
        custom_fields=from_json(custom_fields),
        run_id=run_id,
        durations=Durations(hash_seconds, compute_seconds, value_hash_seconds, store_seconds),
        edges=() if edges is None else _edges(from_json(edges)),
        recipe=recipe,
        code_id=code_id,
        computed_at=dialect.time_value(computed_at),
        sequence=sequence,
    )


def _edges(rows: Any) -> tuple[InputEdge, ...]:
    return tuple(InputEdge(original_text(path), artifact_id, kind) for _, artifact_id, path, kind in sorted(rows))


def _sealed(data: bytes | None) -> bytes | None:
    """Bytes behind their checksum, as no blobstore verifies what is kept in a row."""
    return None if data is None else blake3(data).digest(_CHECKSUM_BYTES) + data


def _unsealed(sealed: bytes, artifact_id: str) -> bytes | None:
    data = sealed[_CHECKSUM_BYTES:]
    if blake3(data).digest(_CHECKSUM_BYTES) == sealed[:_CHECKSUM_BYTES]:
        return data
    _log.warning(
        "bytes in the row of artifact %s are damaged; they count as lost, and are replaced when it is computed again",
        artifact_id,
    )
    return None


def label_digests(labels: Mapping[str, JSON]) -> list[str]:
    """Labels as texts of one length, so that a database can index them."""
    return [blake3(item.encode()).hexdigest() for item in sorted(label_items(labels))]
