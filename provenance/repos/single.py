"""A repo of its own: rows in one place, bytes in one blobstore."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from provenance._util.deferred import Deferred
from provenance._util.payload import Buffers, Staged, bytes_of
from provenance.artifacts.artifact import Artifact, reading_from
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, set_id_of, stored_artifact
from provenance.errors import BlobNotFoundError, TierUnavailableError
from provenance.repos.base import BaseRepo, OnBlob
from provenance.repos.cache import RecordCache
from provenance.repos.failures import Failure
from provenance.repos.json_fields import with_plain_json
from provenance.repos.located import Located
from provenance.repos.options import RepoOptions
from provenance.repos.parts import members_among
from provenance.repos.presence import keys_there, lost_values
from provenance.repos.rows import UNKNOWN_SWEEPS, BlobCheck, Entry, Rows
from provenance.serializers import unpack
from provenance.types import (
    FILE_SERIALIZER,
    JSON,
    ArtifactId,
    ArtifactRecord,
    BlobKey,
    BlobRef,
    BlobStore,
    JobUses,
    Leases,
    Payload,
    RecipeKey,
    RunRecord,
    SetId,
    ValueId,
)

if TYPE_CHECKING:
    import dataclasses

    from provenance.repos import copying
    from provenance.repos.labellings import Arrange, History
    from provenance.repos.queries import FailedCallQuery, Query, Row
    from provenance.types import Draft, FailedCall, JobRecord, SetRecord
else:
    dataclasses = Deferred("dataclasses")
    copying = Deferred("provenance.repos.copying")

INLINE_LIMIT = 16 << 10
"""Up to how many bytes a value, or the inputs of a call, are kept in the row instead of the blobstore."""


class SingleRepo(BaseRepo):
    """A repo with rows in one place and a blobstore for what is too large to be kept in them.

    Parameters
    ----------
    rows : Rows
        Where the rows lie.
    store : BlobStore
        Where larger values and inputs lie. Deleting an artifact deletes what no row here refers to any more, so
        two repos should not share a store unless one of them may not delete.
    name : str
        What the repo is called in the configuration and in messages.
    grace_seconds : float
        How long bytes stay when nothing refers to them any more. They are removed by the first `delete` after that.
    **options
        See `BaseRepo`.
    """

    def __init__(
        self, rows: Rows, store: BlobStore, name: str, *, grace_seconds: float = 0.0, **options: Unpack[RepoOptions]
    ) -> None:
        super().__init__(name, **options)
        self._rows = rows
        self._store = store
        self._grace_seconds = grace_seconds
        self._cache = RecordCache()

    @property
    def store(self) -> BlobStore:
        """The blobstore that values and inputs lie in unless they are small."""
        return self._store

    # ---- looking up

    def find_records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """Return the stored records among `ids`, by id; one query for those not seen lately."""
        if not self._permissions.read:
            return {}
        drops = self._cache.drops
        cached = self._cache.records()
        found = {key: record for key in ids if (record := cached.get(key)) is not None}
        missing = [key for key in ids if key not in found]
        if missing:
            fetched = self._rows.records(missing)
            self._cache.add(fetched.values(), drops)
            found.update(fetched)
        return found

    def find_record(self, artifact_id: ArtifactId) -> ArtifactRecord | None:
        """Return the stored record with this id; one query unless it was seen lately."""
        if not self._permissions.read:
            return None
        drops, record = self._cache.drops, self._cache.records().get(artifact_id)
        if record is None and (record := self._rows.records((artifact_id,)).get(artifact_id)) is not None:
            self._cache.add((record,), drops)
        return record

    def find_recipes(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """Return the stored records that recipe keys led to; one query."""
        if not keys or not self._permissions.read:
            return {}
        drops = self._cache.drops
        found = self._rows.records_by_recipe(keys)
        self._cache.add(found.values(), drops)
        return found

    def recipes_of(self, ids: Collection[ArtifactId]) -> dict[RecipeKey, ArtifactId]:
        """Return the recipe keys that lead to these artifacts; one query."""
        return self._rows.recipes_of(ids) if self._permissions.read else {}

    def find_latest(self, value_id: ValueId) -> ArtifactRecord | None:
        """Return the record with this value that was stored last."""
        return self._rows.latest_with_value(value_id) if self._permissions.read else None

    def find_run(self, run_id: str) -> RunRecord | None:
        """Return the facts recorded about one process."""
        return self._rows.run(run_id) if self._permissions.read else None

    @property
    def leases(self) -> Leases | None:
        """Who computes what at present; None where nothing is found or stored anyway."""
        return self._rows.leases if self._permissions.read and self._permissions.write else None

    def forget_records(self, ids: Collection[ArtifactId] | None = None) -> None:
        """Forget which of these records, or of all, this process has seen lately."""
        if ids is None:
            self._cache.forget()
        else:
            self._cache.drop(ids)

    # ---- bytes

    def has_value(self, record: ArtifactRecord) -> bool:
        """Tell whether the bytes of a record's value are there, not whether they are sound."""
        if not self._permissions.read:
            return False
        try:
            return self._is_there(record)
        except TierUnavailableError:  # it is computed again, as nobody can read it
            return False

    def batch_has_values(self, records: Collection[ArtifactRecord]) -> list[bool]:
        """Tell for each record whether the bytes of its value are there; several at once."""
        if not (self._permissions.read and self._store.permissions.read):
            return [self.has_value(record) for record in records]
        lost = lost_values(self._store, records)
        return [record.id not in lost for record in records]

    def blobs_there(self, keys: Collection[BlobKey]) -> set[BlobKey]:
        """Return those of these blobs that are in the store."""
        return keys_there(self._store, keys)

    def _is_lost(self, record: ArtifactRecord) -> bool:
        return self._store.permissions.read and not self._is_there(record)

    def _is_missing(self, key: BlobKey) -> bool:
        # What a store that may not be read contains cannot be told.
        return self._store.permissions.read and key not in self._store

    def _is_there(self, record: ArtifactRecord) -> bool:
        return record.value_inline is not None or (
            record.value_blob is not None and record.value_blob.key in self._store
        )

    def load_value(self, record: ArtifactRecord) -> object:
        """Read, verify and deserialise the value of a record; see `get_value`."""
        inline = record.value_inline
        if inline is None or record.serializer == FILE_SERIALIZER:
            return super().load_value(record)
        self._require("read")
        return self._cache.read(record, lambda: self._unpacked(record, inline))

    def _unpacked(self, record: ArtifactRecord, inline: bytes) -> object:
        with reading_from(self):
            return unpack(inline, record.serializer, record.load_kwargs)

    def value_source(self, record: ArtifactRecord) -> Located:
        """Return verified bytes of a record's value, with the record."""
        source = self._source(record, "value", record.value_inline, record.value_blob)
        return Located(record, source, stays=getattr(self._store, "files_stay", True))

    def inputs_source(self, record: ArtifactRecord) -> bytes | Path:
        """Return verified bytes of a record's inputs, or a verified local file with them."""
        return self._source(record, "inputs", record.inputs_inline, record.inputs_blob)

    def _source(self, record: ArtifactRecord, what: str, inline: bytes | None, blob: BlobRef | None) -> bytes | Path:
        self._require("read")
        if inline is not None:
            return inline
        if blob is None:
            msg = f"the {what} of artifact {record.id} ({record.name}) are not in repo {self._name!r}; compute it again"
            raise BlobNotFoundError(msg)
        path = self._store.local_path(blob.key)
        return self._store.get(blob.key) if path is None else path

    # ---- storing

    def save(self, draft: Draft) -> ArtifactRecord:
        """Store a computed call: blobs, then the row.

        Returns
        -------
        ArtifactRecord
            The stored record: the one of whoever was first, if another caller has stored the same call. If the
            bytes of that one are lost, it is given the new ones.

        Raises
        ------
        PermissionDeniedError
            The repo may not be written.
        SerializationError
            Options or custom fields are not JSON.
        LeaseLostError
            The lease was taken over, and nothing is stored yet.
        StorageError
            The blobstore or the database cannot take it; no row was written then.
        """
        self._require("write")
        record = with_plain_json(draft.record)
        draft = draft if record is draft.record else dataclasses.replace(draft, record=record)
        is_given = draft.value is None and draft.record.value_blob is not None
        blobs = BlobCheck(UNKNOWN_SWEEPS if is_given else self._rows.sweeps, partial(self._restore, draft))
        entry = Entry(self._with_bytes(draft), draft.run, blobs, draft.lease, draft.job)
        record, is_new = self._rows.insert(entry)
        if not is_new and self._is_lost(record):
            record = self._rows.replace(record, entry)
            self._cache.drop((record.id,))
        self._cache.add((record,), self._cache.drops)
        return record

    def stage(self, payload: Buffers) -> Staged | None:
        """Write a value's bytes to where the blobstore gives them their name when they are saved."""
        return self._store.stage(payload) if self._permissions.write else None

    def _with_bytes(self, draft: Draft) -> ArtifactRecord:
        """The record with its bytes stored in the blobstore, or small enough to be kept in the row."""
        changes: dict[str, Any] = {}
        if draft.value is not None:
            changes["value_inline"], changes["value_blob"] = self._kept(draft.value, draft.value_extension)
        if draft.inputs is not None:
            changes["inputs_inline"], changes["inputs_blob"] = self._kept(draft.inputs, "")
        return draft.record._replace(**changes) if changes else draft.record

    def _restore(self, draft: Draft, key: BlobKey) -> None:
        """Put a blob again that another process deleted just after it was put, or found in the store."""
        if self._is_missing(key):
            self._with_bytes(draft)
            if self._is_missing(key):
                msg = f"blob {key} of artifact {draft.record.id} is not in the store of repo {self._name!r}"
                raise BlobNotFoundError(msg)

    def _kept(self, payload: Payload, extension: str) -> tuple[bytes | None, BlobRef | None]:
        is_small = (size := payload.size) is not None and size <= INLINE_LIMIT
        return (bytes_of(payload), None) if is_small else (None, self._store.put(payload, extension=extension))

    def put(self, artifact: ArtifactLike) -> Artifact:
        """Store an artifact of another repo here: its bytes as they are, then its row; see `BaseRepo.put`."""
        [outcome] = self.put_each([stored_artifact(artifact)])
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    def put_each(self, artifacts: Sequence[Artifact], on_blob: OnBlob | None = None) -> list[Artifact | Failure]:
        """Store artifacts of other repos here, and return for each what it is here, or why it could not be stored."""
        self._require("write")
        outcomes = copying.Intake(self, self._rows, self._store, on_blob).take(artifacts)
        stored = [outcome for outcome in outcomes if isinstance(outcome, ArtifactRecord)]
        self._cache.drop([record.id for record in stored])  # lost bytes may have been replaced
        self._cache.add(stored, self._cache.drops)
        return [Artifact(outcome, self) if isinstance(outcome, ArtifactRecord) else outcome for outcome in outcomes]

    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Record further recipe keys that led to stored artifacts; ids that are not stored here are left out."""
        self._require("write")
        if recipes:
            self._rows.add_recipes(recipes)

    # ---- deleting

    def batch_delete(self, artifact_ids: Iterable[ArtifactLike]) -> None:
        """Delete artifacts, and the recipe keys of what was made with them; see `BaseRepo.delete`."""
        self._require("delete")
        keys = list(dict.fromkeys(map(artifact_id_of, artifact_ids)))
        # What is made with a composite refers to its members, and these do not refer to it.
        affected = {*keys, *members_among(self._rows.records(keys).values())}
        self.remove_recipes({*affected, *self._rows.downstream(affected)})
        self._rows.remove(keys)
        self._cache.drop(keys)
        if self._store.permissions.delete:
            self._rows.sweep(self._grace_seconds, self._store.batch_delete)

    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Return everything here that was made with these artifacts, which need not be here themselves."""
        return self._rows.downstream(ids)

    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Forget the recipe keys that lead to these artifacts."""
        self._require("delete")
        self._rows.remove_recipes(ids)
        self._cache.drop(ids)

    # ---- sets

    def find_set(self, set_id: SetId) -> SetRecord | None:
        """Return a set, with the labels it was last saved under."""
        return self._rows.set_by_id(set_id) if self._permissions.read else None

    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """Return the set that was last saved under labels containing these: each of them, with an equal value."""
        return self._rows.latest_set(labels) if self._permissions.read else None

    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set and, when it has labels, append them to the history."""
        self._require("write")
        return self._rows.save_set(record)

    def set_ids(self) -> set[SetId]:
        """Return the ids of all sets."""
        return self._rows.set_ids() if self._permissions.read else set()

    def label_history(self) -> History:
        """Return under which labels sets were saved, in that order."""
        return self._rows.label_history() if self._permissions.read else []

    def arrange_labels(self, arrange: Arrange) -> None:
        """Give the history of labels another order, and add to it; see `BaseRepo.arrange_labels`."""
        self._require("write")
        self._rows.arrange_labels(arrange)

    def delete_set(self, set_id: object) -> None:
        """Delete a set with the history of its labels; its members stay."""
        self._require("delete")
        self._rows.remove_set(set_id_of(set_id))

    # ---- calls that raised

    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Record a call that raised; see `BaseRepo.save_failed_call`."""
        self._require("write")
        return self._rows.save_failed_call(call, run)

    def failed_calls(self, query: FailedCallQuery) -> list[FailedCall]:
        """Return the calls that raised that a query asks for, the last ones first."""
        return self._rows.failed_calls(query) if self._permissions.read else []

    # ---- jobs

    def begin_job(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job unless it is there, and the facts about the process that begins it."""
        self._require("write")
        return self._rows.jobs.begin(record, run)

    def end_job(self, job_id: str) -> None:
        """Note that a job is over."""
        self._require("write")
        self._rows.jobs.end(job_id)

    def add_job_uses(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used; what is noted as computed stays."""
        self._require("write")
        self._rows.jobs.add(job_id, uses)

    def job_uses(self, job_id: str) -> JobUses:
        """Return what a job used, as far as it was noted."""
        return self._rows.jobs.uses(job_id) if self._permissions.read else {}

    # ---- searching

    def search(self, query: Query) -> Iterator[Row]:
        """Yield the rows that a query asks for; see `BaseRepo.search`."""
        if self._permissions.read:
            for row in self._rows.search(query):
                yield row.in_repo(self)

    def count(self, query: Query) -> int:
        """Count the rows that a query asks for."""
        return self._rows.count(query) if self._permissions.read else 0

    def close(self) -> None:
        """Give back what is held open; the repo opens it again when it is used again."""
        self._rows.close()
