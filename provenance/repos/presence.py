"""Which blobs are in a store: asked for many at once, as each question may be a round trip."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from provenance.types import ArtifactId, ArtifactRecord, BlobKey, BlobStore

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16
"""How many blobs are looked for, or on their way, at once."""


def as_done(work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
    """Work on items in several threads; each with its result, in the order in which they are done.

    After the first failure, which is raised, no more are begun.
    """
    if len(items) <= 1:
        yield from ((item, work(item)) for item in items)
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed  # noqa: PLC0415  loaded when first used

    pool = ThreadPoolExecutor(min(THREADS, len(items)), thread_name_prefix="provenance-copy")
    try:
        futures = {pool.submit(work, item): item for item in items}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def keys_there(store: BlobStore, keys: Collection[BlobKey]) -> set[BlobKey]:
    """Those of the keys that are in the store; none of a store that may not be read."""
    if not store.permissions.read:
        return set()
    return {key for key, is_there in as_done(store.__contains__, sorted(set(keys))) if is_there}


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
