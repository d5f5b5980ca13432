"""Many artifacts on their way into one repo: bytes from store to store as they are, several at once, then the rows."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from provenance._util.parallel import for_each
from provenance.artifacts.artifact import Artifact
from provenance.errors import BlobCorruptError, BlobNotFoundError, NotFoundError, StorageError
from provenance.repos.base import BaseRepo, OnBlob
from provenance.repos.failures import Failure
from provenance.repos.presence import keys_there, lost_values
from provenance.repos.rows import BlobCheck, Entry, Rows
from provenance.repos.transfer import Copy, copied_payload, copies_of, to_be_copied
from provenance.types import ArtifactId, ArtifactRecord, BlobKey, BlobRef, BlobStore

Outcome: TypeAlias = ArtifactRecord | Failure
_Found: TypeAlias = ArtifactRecord | Failure | None

ROWS_AT_ONCE = 200
"""How many artifacts are stored by one transaction."""
BLOBS_AT_ONCE = 16
"""How many blobs are on their way at the same time."""
_IN_FLIGHT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class _Want:
    """That a blob is needed: for the value of an artifact, or for its inputs."""

    copy: Copy
    is_value: bool

    @property
    def ref(self) -> BlobRef | None:
        return self.copy.record.value_blob if self.is_value else self.copy.record.inputs_blob


class _Budget:
    """How many bytes may be in memory; a blob that is larger than all of them is alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taking(self, size: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + size <= self._limit)
            self._taken += size
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()


class Intake:
    """Copies artifacts of other repos into the rows and the store of one.

    Parameters
    ----------
    repo : BaseRepo
        The repo they are copied into.
    rows : Rows
        Where its rows lie.
    store : BlobStore
        Where its bytes lie.
    on_blob : callable, optional
        Called for each blob that is in the store now, in any thread, but in one at a time.
    """

    def __init__(self, repo: BaseRepo, rows: Rows, store: BlobStore, on_blob: OnBlob | None) -> None:
        self._repo = repo
        self._rows = rows
        self._store = store
        self._on_blob = on_blob
        self._lock = threading.Lock()
        self._budget = _Budget(_IN_FLIGHT_BYTES)
        self._failed: dict[ArtifactId, Failure] = {}

    def take(self, artifacts: Sequence[Artifact]) -> list[Outcome]:
        """Copy artifacts, and return in their order the record of each, or why it could not be copied.

        Raises
        ------
        StorageError
            This repo or another one cannot be reached, read or written.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(artifacts), ROWS_AT_ONCE):
            outcomes += self._take(artifacts[start : start + ROWS_AT_ONCE])
        return outcomes

    def _take(self, artifacts: Sequence[Artifact]) -> list[Outcome]:
        sweeps = self._rows.count_sweeps()  # before it is looked up which blobs are there
        stored = self._rows.records([artifact.id for artifact in artifacts])
        lost = lost_values(self._store, stored.values())
        wanted = {artifact.id: artifact for artifact in artifacts if artifact.id not in stored or artifact.id in lost}
        copies = list(copies_of(wanted.values(), self._repo))
        self._send(copies)
        self._note_failures(copies)
        sound = {copy.record.id: copy for copy in copies if copy.failure is None}
        entries = {key: Entry(copy.record, copy.run, self._check(copy, sweeps)) for key, copy in sound.items()}
        new = [entries[key] for key in wanted if key in sound and key not in stored]
        if new:
            recipes = {key: entry.record.id for entry in new for key in sound[entry.record.id].recipes}
            stored.update({row.record.id: row.record for row in self._rows.insert_many(new, recipes)})
        for key in lost & sound.keys():
            stored[key] = self._rows.replace(stored[key], entries[key])
        return [self._failed.get(artifact.id) or stored[artifact.id] for artifact in artifacts]

    # ---- bytes

    def _send(self, copies: Collection[Copy]) -> None:
        """Bring all blobs of artifacts into the store, each once; `Copy.failure` says what could not be brought."""
        wants: defaultdict[str, list[_Want]] = defaultdict(list)
        for copy in copies:
            if copy.failure is None:
                for want in _wants(copy):
                    wants[copy.record.id if want.ref is None else want.ref.key].append(want)
        there = keys_there(self._store, [BlobKey(key) for key, group in wants.items() if group[0].ref is not None])
        for key in there:
            self._tell(wants.pop(key)[0].ref, is_sent=False)
        for_each(self._bring_and_tell, wants.values(), at_once=BLOBS_AT_ONCE)

    def _bring_and_tell(self, wants: Sequence[_Want]) -> None:
        found = self._bring(wants)
        with self._lock:  # the value of an artifact and its inputs are on their way at the same time
            for want, outcome in zip(wants, found, strict=True):
                _apply(want, outcome)
            if not all(isinstance(outcome, Failure) for outcome in found):
                self._tell(wants[0].ref, is_sent=True)

    def _tell(self, ref: BlobRef | None, *, is_sent: bool) -> None:
        if self._on_blob is not None and ref is not None:
            self._on_blob(ref, is_sent)

    def _bring(self, wants: Sequence[_Want]) -> list[_Found]:
        """Bring one blob into the store that several artifacts may want.

        For each of them None if it has it then, another record that its repo gave instead, or why there is nothing.
        """
        found: list[_Found] = []
        for want in wants:
            try:
                record = self._copy(want)
            except (NotFoundError, BlobCorruptError) as exc:
                found.append(exc)
            else:
                if record is None:
                    return [None] * len(wants)
                found.append(record)
        return found

    def _copy(self, want: _Want) -> ArtifactRecord | None:
        """Copy bytes; the record that they belong to, if they are others than those asked for."""
        record, source = want.copy.record, want.copy.source
        with self._budget.taking(0 if want.ref is None else want.ref.size):
            if not want.is_value:
                self._put(source.inputs_source(record), want.ref, source)
                return None
            located = source.value_source(record)
            if located.record.value_inline is None:
                self._put(located.source, located.record.value_blob, source)
        is_same = located.record.value_inline is None and located.record.value_blob == record.value_blob
        return None if is_same else located.record

    def _put(self, data: bytes | Path, ref: BlobRef | None, source: BaseRepo) -> None:
        assert ref is not None  # noqa: S101  what lies in no row lies in a blob
        try:
            put = self._store.put(copied_payload(data), extension=ref.key[64:])
        except StorageError as exc:
            if isinstance(data, Path) and not data.exists():
                msg = f"blob {ref.key} was deleted from repo {source.name!r} while it was copied; compute it again"
                raise BlobNotFoundError(msg) from exc
            raise
        if put.key != ref.key:
            msg = f"blob {ref.key} in repo {source.name!r} is damaged: what was read has the digest {put.key[:64]}"
            raise BlobCorruptError(msg)

    def _check(self, copy: Copy, sweeps: int) -> BlobCheck:
        return BlobCheck(sweeps, partial(self._restore, copy))

    def _restore(self, copy: Copy, key: BlobKey) -> None:
        """Copy a blob again that was deleted since it was found in the store or put there."""
        if keys_there(self._store, (key,)) or not self._store.permissions.read:
            return
        for want in _wants(copy):
            if want.ref is not None and want.ref.key == key:
                self._copy(want)
                return

    # ---- failures

    def _note_failures(self, copies: Sequence[Copy]) -> None:
        """Let what refers to an artifact that cannot be copied not be copied either, so that no reference is open."""
        fresh = {copy.record.id: copy.failure for copy in copies if copy.failure is not None}
        self._failed.update(fresh)
        while self._failed and fresh:
            fresh = {}
            for copy in copies:
                if copy.failure is None:
                    causes = (self._failed.get(edge.artifact_id) for edge in copy.record.edges)
                    copy.failure = next((cause for cause in causes if cause is not None), None)
                    if copy.failure is not None:
                        self._failed[copy.record.id] = fresh[copy.record.id] = copy.failure


def _wants(copy: Copy) -> Iterator[_Want]:
    if copy.record.value_inline is None:
        yield _Want(copy, is_value=True)
    if copy.record.inputs_blob is not None:
        yield _Want(copy, is_value=False)


def _apply(want: _Want, found: _Found) -> None:
    """Let an artifact do without lost inputs, as nothing could bring them back; or fail, or be what was found."""
    copy = want.copy
    if isinstance(found, ArtifactRecord):
        inputs = copy.record.inputs_blob
        copy.record = to_be_copied(found, copy.recipes)._replace(inputs_blob=inputs)
    elif found is not None and want.is_value:
        copy.failure = found
    elif found is not None:
        copy.record = copy.record._replace(inputs_blob=None)
