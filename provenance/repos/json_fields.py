"""JSON in records: what is stored is what comes back, in every backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from provenance.errors import SerializationError
from provenance.types import JSON, ArtifactRecord

dump_json = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":")).encode
"""JSON text in ASCII that is the same for equal values: keys sorted, NUL and lone surrogates escaped."""


def label_items(labels: Mapping[str, JSON]) -> frozenset[str]:
    """One text for each label with its value, the same for equal ones; sets of labels contain each other by these."""
    return frozenset(dump_json([key, value]) for key, value in labels.items())


def with_plain_json(record: ArtifactRecord) -> ArtifactRecord:
    """The record as it will be read back, with JSON fields of its own.

    Raises
    ------
    SerializationError
        ``load_kwargs`` or ``custom_fields`` are no JSON objects.
    """
    if not (record.load_kwargs or record.dump_kwargs or record.custom_fields):
        return record
    return record._replace(
        load_kwargs=_exact(record, "load_kwargs"),
        # They are only shown: what was dumped is loaded without them.
        dump_kwargs=json.loads(json.dumps(record.dump_kwargs, default=repr, skipkeys=True)),
        custom_fields=_exact(record, "custom_fields"),
    )


def _exact(record: ArtifactRecord, field: str) -> dict[str, Any]:
    value: Mapping[str, object] = getattr(record, field)
    try:
        plain: dict[str, Any] = json.loads(dump_json(dict(value)))
    except (TypeError, ValueError, RecursionError) as exc:
        msg = (
            f"{field} of {record.name!r} cannot be recorded: {exc}; "
            "use strings, finite numbers, booleans, None, lists and dicts with string keys"
        )
        raise SerializationError(msg) from exc
    return plain
