"""Records this process has seen lately, and their values that nobody can change: repeated look-ups cost no query."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from time import monotonic

from provenance.hashing.grammar import ATOMS
from provenance.repos.forking import reset_at_fork
from provenance.types import ArtifactId, ArtifactRecord

FRESH_SECONDS = 5.0
"""How long what another process deletes or repairs can go unnoticed."""
_LIMIT_BYTES = 32 << 20
_ROW_BYTES = 2048


class RecordCache:
    """A bounded, thread-safe map of ids to records that forgets everything every few seconds.

    Reading takes no lock. What was read from the database is only kept if nothing was dropped since before the
    query: otherwise a slow reader would bring a deleted record back.
    """

    __slots__ = ("__weakref__", "_atoms", "_bytes", "_expires", "_lock", "_records", "drops")

    def __init__(self) -> None:
        self.drops = 0
        """Grows whenever records are dropped."""
        self.reset_after_fork()
        reset_at_fork(self)

    def reset_after_fork(self) -> None:
        """Forget everything."""
        self._lock = threading.Lock()
        self._clear()

    def records(self) -> dict[ArtifactId, ArtifactRecord]:
        """The records that are known, to be read only."""
        if monotonic() > self._expires:
            with self._lock:
                self._clear()
        return self._records

    def add(self, records: Iterable[ArtifactRecord], drops: int) -> None:
        """Keep records that were read when `drops` was the number of drops."""
        with self._lock:
            if drops != self.drops:
                return
            for record in records:
                self._bytes += _size(record)
                if self._bytes > _LIMIT_BYTES:
                    self._clear()
                self._records[record.id] = record

    def read(self, record: ArtifactRecord, load: Callable[[], object]) -> object:
        """The value of a record, which is kept beside it if nobody can change it; a new object otherwise."""
        known = self._atoms.get(record.id)
        if known is not None and known[0] is record:
            return known[1]
        value = load()
        if type(value) in ATOMS and self._records.get(record.id) is record:
            self._atoms[record.id] = record, value
        return value

    def drop(self, ids: Collection[ArtifactId]) -> None:
        """Forget these records."""
        with self._lock:
            self.drops += 1
            for key in ids:
                self._records.pop(key, None)
                self._atoms.pop(key, None)

    def forget(self) -> None:
        """Forget all records."""
        with self._lock:
            self.drops += 1
            self._clear()

    def _clear(self) -> None:
        # A new dict: readers may be looking into the old one.
        self._records: dict[ArtifactId, ArtifactRecord] = {}
        self._atoms: dict[ArtifactId, tuple[ArtifactRecord, object]] = {}
        self._bytes = 0
        self._expires = monotonic() + FRESH_SECONDS


def _size(record: ArtifactRecord) -> int:
    return _ROW_BYTES + len(record.value_inline or b"") + len(record.inputs_inline or b"") + len(record.value_encoding)
