"""Which bytes are in a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from provenance.types import ArtifactId, ArtifactRecord, BlobKey, BlobStore


def keys_there(store: BlobStore, keys: Collection[BlobKey]) -> set[BlobKey]:
    """Those of the keys that are in the store itself; none of a store that may not be read."""
    return store.batch_stored(keys) if store.permissions.read else set()


def lost_values(store: BlobStore, records: Iterable[ArtifactRecord]) -> set[ArtifactId]:
    """The artifacts whose bytes are neither in their row nor in the store.

    None are where the store may not be read: what it contains cannot be told.
    """
    if not store.permissions.read:
        return set()
    keys = {record.id: _key(record) for record in records if record.value_inline is None}
    there = keys_there(store, {key for key in keys.values() if key is not None})
    return {artifact_id for artifact_id, key in keys.items() if key not in there}


def _key(record: ArtifactRecord) -> BlobKey | None:
    return None if record.value_blob is None else record.value_blob.key
