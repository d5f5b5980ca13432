"""Rows in dicts."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice
from time import monotonic

from provenance.repos.forking import reset_at_fork
from provenance.repos.json_fields import label_items
from provenance.repos.labellings import Arrange, History, Labelling
from provenance.repos.memory_jobs import MemoryJobs
from provenance.repos.memory_leases import MemoryLeases
from provenance.repos.memory_search import HeardRun, SavedLabels, Snapshot, StoredSet, search
from provenance.repos.queries import FailedCallQuery, Query, Row
from provenance.repos.rows import BlobCheck, Entry, Inserted, lease_lost
from provenance.types import (
    JSON,
    ArtifactId,
    ArtifactRecord,
    BlobKey,
    FailedCall,
    RecipeKey,
    RunRecord,
    SetId,
    SetRecord,
    ValueId,
)

MOST_FAILED_CALLS = 1000
"""How many calls that raised are kept in memory, where nothing else would ever remove them."""


class MemoryRows:
    """Rows of a repo in the memory of the process; every method holds one lock."""

    def __init__(self) -> None:
        self._artifacts: dict[ArtifactId, ArtifactRecord] = {}
        self._referring: defaultdict[ArtifactId, set[ArtifactId]] = defaultdict(set)
        self._recipes: dict[RecipeKey, ArtifactId] = {}
        self._runs: dict[str, HeardRun] = {}
        self._references: Counter[BlobKey] = Counter()
        self._unreferenced: dict[BlobKey, float] = {}
        self._sets: dict[SetId, StoredSet] = {}
        self._labellings: list[SavedLabels] = []
        self._sequence = count(1)
        self._set_sequence = count(1)
        self._failed_calls: deque[FailedCall] = deque(maxlen=MOST_FAILED_CALLS)
        self._failure_sequence = count(1)
        self.sweeps = 0
        self.jobs = MemoryJobs(self._hear_of)
        self.leases = MemoryLeases(self._artifacts, lambda: self._lock)
        self.reset_after_fork()
        reset_at_fork(self)

    def reset_after_fork(self) -> None:
        """Take a new lock, as another thread may have held the old one."""
        self._lock = threading.RLock()

    # ---- artifacts

    def records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """The stored records among `ids`."""
        with self._lock:
            return {key: self._artifacts[key] for key in ids if key in self._artifacts}

    def records_by_recipe(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """The stored records that these keys led to."""
        with self._lock:
            return {key: self._artifacts[self._recipes[key]] for key in keys if key in self._recipes}

    def latest_with_value(self, value_id: ValueId) -> ArtifactRecord | None:
        """The record with this value that was stored last."""
        with self._lock:
            records = (record for record in self._artifacts.values() if record.value_id == value_id)
            return max(records, key=lambda record: record.sequence or 0, default=None)

    def run(self, run_id: str) -> RunRecord | None:
        """The facts about one process."""
        with self._lock:
            found = self._runs.get(run_id)
            return None if found is None else found.record

    def insert(self, entry: Entry) -> Inserted:
        """Store a row, unless its id is taken."""
        record = entry.record
        with self._lock:
            existing = self._artifacts.get(record.id)
            if entry.lease is not None and not self.leases.is_held(entry.lease, record.id) and existing is None:
                raise lease_lost(entry.lease)
            if existing is None:
                self._restore(record, entry.blobs)
                stored = record._replace(
                    edges=tuple(record.edges),
                    sequence=next(self._sequence),
                    computed_at=record.computed_at or datetime.now(UTC),
                )
                self._link(stored, entry.run)
            if record.recipe is not None:
                self._recipes[record.recipe] = record.id
            self.jobs.note(entry)
            return Inserted(stored, is_new=True) if existing is None else Inserted(existing, is_new=False)

    def insert_many(self, entries: Sequence[Entry], recipes: Mapping[RecipeKey, ArtifactId]) -> list[Inserted]:
        """Do for each of several rows what `insert` does."""
        with self._lock:
            for entry in entries:  # before any is stored, as this is what can fail
                if entry.record.id not in self._artifacts:
                    self._restore(entry.record, entry.blobs)
            inserted = [self.insert(entry._replace(blobs=BlobCheck(self.sweeps, _ignore))) for entry in entries]
            self.add_recipes(recipes)
            return inserted

    def _restore(self, record: ArtifactRecord, blobs: BlobCheck) -> None:
        if blobs.sweeps != self.sweeps:
            for key in _blobs(record):
                blobs.restore(key)

    def _link(self, record: ArtifactRecord, run: RunRecord | None) -> None:
        self._artifacts[record.id] = record
        for edge in record.edges:
            self._referring[edge.artifact_id].add(record.id)
        for key in _blobs(record):
            self._references[key] += 1
            self._unreferenced.pop(key, None)
        if run is not None:
            self._hear_of(run)

    def _hear_of(self, run: RunRecord) -> None:
        self._runs.setdefault(run.id, HeardRun(run, datetime.now(UTC)))

    def _unlink(self, record: ArtifactRecord) -> None:
        del self._artifacts[record.id]
        for edge in record.edges:
            self._referring[edge.artifact_id].discard(record.id)
        for key in _blobs(record):
            self._references[key] -= 1
            if not self._references[key]:
                del self._references[key]
                self._unreferenced[key] = monotonic()

    def replace(self, old: ArtifactRecord, new: Entry) -> ArtifactRecord:
        """Put other bytes in the place of lost ones, unless another caller did so already."""
        with self._lock:
            current = self._artifacts.get(old.id)
            if current is None or (current.value_blob, current.value_inline) != (old.value_blob, old.value_inline):
                return self.insert(new._replace(lease=None)).record
            record = new.record
            self._restore(record, new.blobs)
            stored = record._replace(sequence=old.sequence, computed_at=record.computed_at or datetime.now(UTC))
            self._unlink(old)
            self._link(stored, new.run)
            self.jobs.note(new)
            if old.value_id != record.value_id:
                self.remove_recipes(self.downstream((old.id,)))
            return stored

    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Let recipe keys lead to stored artifacts."""
        with self._lock:
            self._recipes.update({key: artifact for key, artifact in recipes.items() if artifact in self._artifacts})

    def recipes_of(self, ids: Collection[ArtifactId]) -> dict[RecipeKey, ArtifactId]:
        """The recipe keys that lead to these artifacts."""
        wanted = frozenset(ids)
        with self._lock:
            return {key: artifact for key, artifact in self._recipes.items() if artifact in wanted}

    def count_sweeps(self) -> int:
        """Return how many sweeps there were."""
        return self.sweeps

    def remove(self, ids: Collection[ArtifactId]) -> None:
        """Remove rows, and note which blobs nothing refers to any more."""
        removed = frozenset(ids)
        with self._lock:
            for record in [self._artifacts[key] for key in removed if key in self._artifacts]:
                self._unlink(record)
            self._recipes = {key: artifact for key, artifact in self._recipes.items() if artifact not in removed}

    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Everything that refers to `ids`, directly or through others."""
        found: set[ArtifactId] = set()
        with self._lock:
            fresh = set(ids)
            while fresh:
                fresh = {key for source in fresh for key in self._referring.get(source, ())} - found
                found |= fresh
        return found

    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Remove the recipe keys that lead to these artifacts."""
        removed = frozenset(ids)
        with self._lock:
            self._recipes = {key: artifact for key, artifact in self._recipes.items() if artifact not in removed}
            for key in removed:
                record = self._artifacts.get(key)
                if record is not None and record.recipe is not None:
                    self._artifacts[key] = record._replace(recipe=None)

    def sweep(self, grace_seconds: float, delete: Callable[[Collection[BlobKey]], None]) -> None:
        """Delete the blobs that nothing has referred to for at least so long."""
        with self._lock:
            due = [key for key, since in self._unreferenced.items() if monotonic() - since >= grace_seconds]
            if due:
                self.sweeps += 1
                delete(due)
            for key in due:
                del self._unreferenced[key]

    # ---- sets

    def set_by_id(self, set_id: SetId) -> SetRecord | None:
        """A set, with the labels it was last saved under."""
        with self._lock:
            stored = self._sets.get(set_id)
            if stored is None:
                return None
            saved = (entry for entry in reversed(self._labellings) if entry.set_id == set_id)
            last = next(saved, None)
            plain = stored.record
            return plain if last is None else replace(plain, labels=last.labels, saved_at=last.saved_at)

    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """The set last saved under labels that contain these."""
        wanted = label_items(labels)
        with self._lock:
            for entry in reversed(self._labellings):
                if wanted <= entry.items:
                    return replace(self._sets[entry.set_id].record, labels=entry.labels, saved_at=entry.saved_at)
        return None

    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set unless it is there, and append its labels to the history."""
        with self._lock:
            if record.id not in self._sets:
                created_at = record.created_at or datetime.now(UTC)
                plain = replace(record, labels=None, created_at=created_at, saved_at=None)
                self._sets[record.id] = StoredSet(plain, next(self._set_sequence))
            stored = self._sets[record.id].record
            if record.labels is None:
                return stored
            at = record.saved_at or datetime.now(UTC)
            self._labellings.append(SavedLabels(label_items(record.labels), dict(record.labels), record.id, at))
            return replace(stored, labels=record.labels, saved_at=at)

    def set_ids(self) -> set[SetId]:
        """The ids of all sets."""
        with self._lock:
            return set(self._sets)

    def label_history(self) -> History:
        """Under which labels sets were saved, in that order."""
        with self._lock:
            return [Labelling(entry.set_id, entry.labels, entry.saved_at) for entry in self._labellings]

    def arrange_labels(self, arrange: Arrange) -> None:
        """Give the history of labels another order, and add to it."""
        with self._lock:
            self._labellings = [
                SavedLabels(label_items(one.labels), dict(one.labels), one.set_id, one.saved_at)
                for one in arrange(self.label_history())
                if one.set_id in self._sets
            ]

    def remove_set(self, set_id: SetId) -> None:
        """Remove a set with its history."""
        with self._lock:
            self._sets.pop(set_id, None)
            self._labellings = [entry for entry in self._labellings if entry.set_id != set_id]

    # ---- calls that raised

    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Store a call that raised, and forget the oldest one if there are many."""
        with self._lock:
            self._runs.setdefault(run.id, HeardRun(run, datetime.now(UTC)))
            at = call.failed_at or datetime.now(UTC)
            stored = replace(call, sequence=next(self._failure_sequence), failed_at=at)
            self._failed_calls.append(stored)
            return stored

    def failed_calls(self, query: FailedCallQuery) -> list[FailedCall]:
        """The calls that raised that a query asks for, the last ones first."""
        with self._lock:
            calls = list(self._failed_calls)
        return list(islice((call for call in reversed(calls) if call in query), query.limit))

    # ---- searching

    def search(self, query: Query) -> Iterator[Row]:
        """The rows that a query asks for, as they are now."""
        with self._lock:
            snapshot = Snapshot(
                list(self._artifacts.values()),
                list(self._sets.values()),
                list(self._labellings),
                list(self._runs.values()),
                self.jobs.stored(self._failed_calls),
            )
        return search(snapshot, query)

    def count(self, query: Query) -> int:
        """How many rows a query asks for."""
        return sum(1 for _ in self.search(query))

    def close(self) -> None:
        """There is nothing to give back."""


def _ignore(_: BlobKey) -> None:
    """There is nothing to be put again."""


def _blobs(record: ArtifactRecord) -> Iterable[BlobKey]:
    return {ref.key for ref in (record.value_blob, record.inputs_blob) if ref is not None}
