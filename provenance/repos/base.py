"""What every repo does for people, built on what the engine needs of one."""

# Longer than 400 lines: it is the reference of what a repo does, and half of it is docstrings.

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from provenance._util.deferred import Deferred
from provenance._util.payload import Buffers, Staged
from provenance.artifacts.artifact import Artifact, reading_from
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, set_id_of, stored_artifact
from provenance.errors import (
    ArtifactNotFoundError,
    BlobCorruptError,
    InvalidIdError,
    InvalidLabelsError,
    NotFoundError,
    PermissionDeniedError,
    RepoUnreachableError,
    SetNotFoundError,
    StorageError,
)
from provenance.repos.failures import Failure, left_out
from provenance.repos.located import Located, read_located
from provenance.serializers import unpack
from provenance.types import (
    FILE_SERIALIZER,
    INPUTS_SERIALIZER,
    JSON,
    ArtifactId,
    ArtifactRecord,
    BlobKey,
    BlobRef,
    JobUses,
    Leases,
    Permissions,
    RecipeKey,
    RecordPlace,
    RunRecord,
    SetId,
    ValueId,
)

if TYPE_CHECKING:
    from provenance._util import parallel
    from provenance.artifacts import archived
    from provenance.artifacts import labels as artifact_labels
    from provenance.artifacts import sets as artifact_sets
    from provenance.artifacts.labels import Labels
    from provenance.artifacts.sets import ArtifactSet
    from provenance.repos import local_files
    from provenance.repos.labellings import Arrange, History
    from provenance.repos.queries import FailedCallQuery, Query, Row
    from provenance.types import Draft, FailedCall, JobRecord, SetRecord
else:
    parallel = Deferred("provenance._util.parallel")
    archived = Deferred("provenance.artifacts.archived")
    artifact_labels = Deferred("provenance.artifacts.labels")
    artifact_sets = Deferred("provenance.artifacts.sets")
    local_files = Deferred("provenance.repos.local_files")

_VALUE_ID = r"[0-9a-f]{64}(\.[a-z0-9]{1,16})?"


_READ_AT_ONCE = 16
OnBlob: TypeAlias = Callable[[BlobRef, bool], object]
"""Is told of a blob that is in the store now, and whether it had to be sent there."""


class BaseRepo(ABC):
    """Artifacts by id and by value, their values and inputs, and artifact sets.

    Parameters
    ----------
    name : str
        What the repo is called in the configuration and in messages.
    read, write, delete : bool
        What may be done with it. In a repo that may not be read nothing is found.
    read_through_write : bool
        Whether a chain may copy into this member what it found further down.
    """

    def __init__(
        self,
        name: str,
        *,
        read: bool = True,
        write: bool = True,
        read_through_write: bool = True,
        delete: bool = True,
    ) -> None:
        self._name = name
        self._permissions = Permissions(read, write, read_through_write, delete)

    @property
    def name(self) -> str:
        """What the repo is called in the configuration and in messages."""
        return self._name

    @property
    def permissions(self) -> Permissions:
        """What may be done with the repo."""
        return self._permissions

    def record_places(self) -> tuple[RecordPlace, ...]:
        """Return the places in which records are kept, which tells whether two processes use the same ones.

        Returns
        -------
        tuple of RecordPlace
            One place, or those of the members of a chain; none where nothing is known of them.
        """
        return ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"

    @property
    def leases(self) -> Leases | None:
        """Who computes what at present; None where that is not kept."""
        return None

    # ---- artifacts

    def get_by_id(self, artifact_id: ArtifactLike) -> Artifact:
        """Return the artifact with this id.

        Parameters
        ----------
        artifact_id : str, Artifact or ArtifactProxy
            An id; or what carries one, to get the artifact as it lies in this repo.

        Raises
        ------
        InvalidIdError
            What was given cannot be an id.
        ArtifactNotFoundError
            The repo has no such artifact.
        """
        return self.batch_get_by_id((artifact_id,))[0]

    def batch_get_by_id(self, artifact_ids: Iterable[ArtifactLike]) -> list[Artifact]:
        """Return the artifacts with these ids, in the order of the ids; one query for all of them.

        Raises
        ------
        InvalidIdError
            One of them cannot be an id.
        ArtifactNotFoundError
            Some are not in the repo; the message names them.
        """
        keys = [artifact_id_of(artifact_id) for artifact_id in artifact_ids]
        records = self.find_records(keys)
        missing = [key for key in dict.fromkeys(keys) if key not in records]
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")  # noqa: PLR2004
            msg = f"no artifact {shown} in repo {self._name!r}; look in another repo, or compute it again"
            raise ArtifactNotFoundError(msg)
        return [Artifact(records[key], self) for key in keys]

    def get_by_value_id(self, value_id: str) -> Artifact:
        """Return the artifact with this value id; of several, the one that was stored last.

        Raises
        ------
        InvalidIdError
            What was given cannot be a value id.
        ArtifactNotFoundError
            The repo has no artifact with this value.
        """
        if not isinstance(value_id, str) or not re.fullmatch(_VALUE_ID, value_id):
            msg = (
                f"not the id of a value: {value_id!r:.80}; value ids are 64 lower-case hex digits, "
                "of archived files perhaps with the extension"
            )
            raise InvalidIdError(msg)
        record = self.find_latest(ValueId(value_id))
        if record is None:
            msg = f"no artifact with the value {value_id} in repo {self._name!r}"
            raise ArtifactNotFoundError(msg)
        return Artifact(record, self)

    def __getitem__(self, artifact_id: ArtifactLike) -> Artifact:
        return self.get_by_id(artifact_id)

    def __contains__(self, artifact_id: ArtifactLike) -> bool:
        try:
            key = artifact_id_of(artifact_id)
        except InvalidIdError:
            return False
        return key in self.find_records((key,))

    # A class with __getitem__ would otherwise be taken for a sequence.
    __iter__ = None

    def get_value(self, artifact_id: ArtifactLike) -> object:
        """Return the value of an artifact: read, verified, and a new object each time.

        Raises
        ------
        InvalidIdError, ArtifactNotFoundError
            As `get_by_id`.
        BlobNotFoundError, BlobCorruptError
            The bytes are lost or damaged.
        SerializationError
            The bytes cannot be turned back into a value in this process.
        """
        return self.get_by_id(artifact_id).value

    def batch_get_values(self, artifact_ids: Iterable[ArtifactLike]) -> list[object]:
        """Return the values of artifacts, in the order of the ids; one query, and blobs are read several at once.

        Raises what `get_value` raises.
        """
        artifacts = self.batch_get_by_id(artifact_ids)
        values: list[object] = [None] * len(artifacts)
        in_blobs = []
        for position, artifact in enumerate(artifacts):
            if artifact.record.value_inline is None:
                in_blobs.append(position)
            else:
                values[position] = artifact.value
        read = parallel.for_each(lambda position: artifacts[position].value, in_blobs, at_once=_READ_AT_ONCE)
        for position, value in zip(in_blobs, read, strict=True):
            values[position] = value
        return values

    def get_inputs(self, artifact_id: ArtifactLike) -> object:
        """Return the inputs of the call as ``{'kargs': {...}, 'varargs': (...)}``; artifacts among them are proxies.

        Raises what `get_value` raises.
        """
        return self.get_by_id(artifact_id).inputs

    def load_value(self, record: ArtifactRecord) -> object:
        """Read, verify and deserialise the value of a record; see `get_value`."""
        return read_located(lambda: self.value_source(record), self._read_value)

    def _read_value(self, located: Located) -> object:
        found = located.record
        if found.serializer == FILE_SERIALIZER:
            key = BlobKey(found.value_id) if found.value_blob is None else found.value_blob.key
            return archived.ArchivedFile(
                local_files.local_file(located.source, key, stays=located.stays), found.value_id
            )
        with reading_from(self):
            return unpack(located.source, found.serializer, found.load_kwargs)

    def load_inputs(self, record: ArtifactRecord) -> object:
        """Read, verify and deserialise the inputs of a recorded call; see `get_inputs`."""
        return read_located(lambda: Located(record, self.inputs_source(record)), self._read_inputs)

    def _read_inputs(self, located: Located) -> object:
        with reading_from(self):
            return unpack(located.source, INPUTS_SERIALIZER, {})

    # ---- sets

    def put_set(self, artifact_set: ArtifactSet) -> ArtifactSet:
        """Store a set; with labels it becomes the latest set under them, also when it was stored before.

        Raises
        ------
        ArtifactNotFoundError
            A member is neither in this repo nor in another configured one.
        PermissionDeniedError
            The repo may not be written.
        """
        self._require("write")
        if len(self.find_records(artifact_set.artifact_ids)) < len(artifact_set):
            return artifact_set.put(self)
        return artifact_sets.ArtifactSet.from_record(self.save_set(artifact_set.to_record()))

    def get_set_by_id(self, set_id: object) -> ArtifactSet:
        """Return the set with this id, with the labels it was last saved under.

        Raises
        ------
        InvalidIdError
            What was given cannot be a set id.
        SetNotFoundError
            The repo has no such set.
        """
        key = set_id_of(set_id)
        record = self.find_set(key)
        if record is None:
            msg = f"no artifact set {key} in repo {self._name!r}"
            raise SetNotFoundError(msg)
        return artifact_sets.ArtifactSet.from_record(record)

    def get_set_by_labels(self, labels: Labels) -> ArtifactSet:
        """Return the set that was last saved under labels that contain these.

        Parameters
        ----------
        labels : str or mapping
            A string means ``{'name': string}``.

        Raises
        ------
        InvalidLabelsError
            The labels are not JSON.
        SetNotFoundError
            No set was saved under such labels.
        """
        normalized = artifact_labels.normalize_labels(labels)
        if normalized is None:
            msg = "labels must be a string or a JSON object, not None"
            raise InvalidLabelsError(msg)
        record = self.latest_set(normalized)
        if record is None:
            msg = f"no artifact set with labels {labels!r:.200} in repo {self._name!r}"
            raise SetNotFoundError(msg)
        return artifact_sets.ArtifactSet.from_record(record)

    def contains_set(self, set_id: object) -> bool:
        """Tell whether a set, given by its id or as itself, is stored here.

        Raises
        ------
        InvalidIdError
            What was given cannot be a set id.
        """
        return self.find_set(set_id_of(set_id)) is not None

    # ---- several artifacts

    def batch_put(self, artifacts: Iterable[ArtifactLike]) -> list[Artifact]:
        """Store artifacts of other repos here, as `put` does: bytes several at once, rows in transactions of many.

        Parameters
        ----------
        artifacts : iterable of Artifact or ArtifactProxy
            The artifacts, as they lie in other repos; what is referred to is best given before what refers to it.

        Returns
        -------
        list of Artifact
            As they lie here, in the order they were given.

        Raises
        ------
        BlobNotFoundError, BlobCorruptError
            The bytes of some are lost or damaged. Neither these nor those among the others that refer to them were
            stored; the rest was.
        StorageError
            A repo cannot be reached, read or written. Some were stored perhaps; the call can be repeated.
        """
        outcomes = self.put_each([stored_artifact(artifact) for artifact in artifacts])
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        if failures:
            raise left_out(failures, len(outcomes), self._name)
        return [outcome for outcome in outcomes if isinstance(outcome, Artifact)]

    def put_each(self, artifacts: Sequence[Artifact], on_blob: OnBlob | None = None) -> list[Artifact | Failure]:
        """Store artifacts of other repos here, and return for each what it is here, or why it could not be stored.

        Raises
        ------
        StorageError
            A repo cannot be reached, read or written.
        """
        del on_blob  # what is stored one by one is told by nobody
        outcomes: list[Artifact | Failure] = []
        for artifact in artifacts:
            try:
                outcomes.append(self.put(artifact))
            except (NotFoundError, BlobCorruptError) as exc:
                outcomes.append(exc)
        return outcomes

    def delete(self, artifact_id: ArtifactLike) -> None:
        """Delete an artifact, and forget every recipe key that leads to it or to what was made with it.

        A blob goes when nothing in the repo refers to it any more and the repo's grace period is over.
        Deleting what is not there is no error.

        Raises
        ------
        InvalidIdError
            What was given cannot be an id.
        PermissionDeniedError
            Nothing may be deleted from the repo.
        """
        self.batch_delete((artifact_id,))

    # ---- what a backend gives

    @abstractmethod
    def put(self, artifact: ArtifactLike) -> Artifact:
        """Store an artifact of another repo here: its bytes as they are, then its row.

        Nothing is unpickled. What is here already is left alone, unless its bytes are lost.

        Parameters
        ----------
        artifact : Artifact or ArtifactProxy
            The artifact, as it lies in the other repo.

        Returns
        -------
        Artifact
            As it lies here.

        Raises
        ------
        PermissionDeniedError
            This repo may not be written, or the other one not be read.
        BlobNotFoundError, BlobCorruptError
            Its bytes are lost or damaged in the other repo.
        """

    @abstractmethod
    def batch_delete(self, artifact_ids: Iterable[ArtifactLike]) -> None:
        """Delete artifacts, as `delete` does; some queries for all of them.

        Raises what `delete` raises, and nothing is deleted then.
        """

    @abstractmethod
    def delete_set(self, set_id: object) -> None:
        """Delete a set, given by its id or as itself, with the history of its labels; its members stay.

        Raises
        ------
        InvalidIdError
            What was given cannot be a set id.
        PermissionDeniedError
            Nothing may be deleted from the repo.
        """

    @abstractmethod
    def find_records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """Return the stored records among `ids`, by id."""

    def find_record(self, artifact_id: ArtifactId) -> ArtifactRecord | None:
        """Return the stored record with this id, if there is one."""
        return self.find_records((artifact_id,)).get(artifact_id)

    def forget_records(self, ids: Collection[ArtifactId] | None = None) -> None:  # noqa: ARG002  for those that remember
        """Forget which of these records, or of all, this process has seen lately, as others may have deleted them."""
        return  # unless a repo remembers any

    @abstractmethod
    def find_recipes(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """Return the stored records that recipe keys led to."""

    @abstractmethod
    def recipes_of(self, ids: Collection[ArtifactId]) -> dict[RecipeKey, ArtifactId]:
        """Return the recipe keys that lead to these artifacts."""

    @abstractmethod
    def find_latest(self, value_id: ValueId) -> ArtifactRecord | None:
        """Return the record with this value that was stored last."""

    @abstractmethod
    def find_run(self, run_id: str) -> RunRecord | None:
        """Return the facts recorded about one process."""

    @abstractmethod
    def has_value(self, record: ArtifactRecord) -> bool:
        """Tell whether the bytes of a record's value are there, not whether they are sound."""

    def batch_has_values(self, records: Collection[ArtifactRecord]) -> list[bool]:
        """Tell for each record whether the bytes of its value are there; see `has_value`."""
        return [self.has_value(record) for record in records]

    def blobs_there(self, keys: Collection[BlobKey]) -> set[BlobKey]:
        """Return those of these blobs that need not be sent when artifacts with them are stored here."""
        del keys
        return set()

    @abstractmethod
    def value_source(self, record: ArtifactRecord) -> Located:
        """Return verified bytes of a record's value, with the record that tells how to read them.

        Raises
        ------
        BlobNotFoundError, BlobCorruptError
            The bytes are lost or damaged.
        """

    @abstractmethod
    def inputs_source(self, record: ArtifactRecord) -> bytes | Path:
        """Return verified bytes of a record's inputs, or a verified local file with them."""

    @abstractmethod
    def save(self, draft: Draft) -> ArtifactRecord:
        """Store a computed call: bytes, then the row; the record that is returned is the winner's of a race."""

    def stage(self, payload: Buffers) -> Staged | None:  # noqa: ARG002  for repos with one store
        """Write a value's bytes that are about to be saved, which tells their digest; None where that cannot be.

        What is returned is to be saved, or else discarded by the caller.
        """
        return None

    def spool(self, draft: Draft, error: StorageError) -> ArtifactRecord:  # noqa: ARG002  for repos with a journal
        """Keep what `save` failed to store with `error` until it can be stored, or raise `error`."""
        raise error

    def counts_as_miss(self, error: RepoUnreachableError) -> bool:  # noqa: ARG002  for repos that can be out of reach
        """Tell whether a call whose look-up failed with `error` goes on as if nothing were stored."""
        return False

    @abstractmethod
    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Record further recipe keys that led to stored artifacts."""

    @abstractmethod
    def find_set(self, set_id: SetId) -> SetRecord | None:
        """Return a set, with the labels it was last saved under."""

    @abstractmethod
    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """Return the set that was last saved under labels containing these."""

    @abstractmethod
    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set and, when it has labels, append them to the history."""

    @abstractmethod
    def set_ids(self) -> set[SetId]:
        """Return the ids of all sets."""

    @abstractmethod
    def label_history(self) -> History:
        """Return under which labels sets were saved, in that order."""

    @abstractmethod
    def arrange_labels(self, arrange: Arrange) -> None:
        """Give the history of labels another order, and add to it; sets that are not here are left out of it.

        Parameters
        ----------
        arrange : callable
            Makes the new history of the present one.
        """

    @abstractmethod
    def begin_job(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job unless it is there, and the facts about the process that begins it.

        Returns
        -------
        JobRecord
            With the time it began.
        """

    @abstractmethod
    def end_job(self, job_id: str) -> None:
        """Note that a job is over."""

    @abstractmethod
    def add_job_uses(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used; what is noted as computed stays."""

    @abstractmethod
    def job_uses(self, job_id: str) -> JobUses:
        """Return what a job used, as far as it was noted."""

    @abstractmethod
    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Return everything here that was made with these artifacts, which need not be here themselves."""

    @abstractmethod
    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Forget the recipe keys that lead to these artifacts."""

    @abstractmethod
    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Record a call that raised, and return it with its time and sequence; it is never found as a result.

        Raises
        ------
        PermissionDeniedError
            The repo may not be written.
        """

    @abstractmethod
    def failed_calls(self, query: FailedCallQuery) -> list[FailedCall]:
        """Return the calls that raised that a query asks for, the last ones first.

        They are the history of this repo: they are not copied to other repos, and stay when artifacts are deleted.
        """

    @abstractmethod
    def search(self, query: Query) -> Iterator[Row]:
        """Yield the rows that a query asks for, in its order, fetched as they are needed; none is unpickled."""

    def count(self, query: Query) -> int:
        """Count the rows that a query asks for, as many as its limit at most."""
        return sum(1 for _ in self.search(query))

    @abstractmethod
    def close(self) -> None:
        """Give back what is held open; the repo opens it again when it is used again."""

    def require(self, operation: Literal["read", "write", "delete"]) -> None:
        """Refuse an operation that the repo does not permit.

        Raises
        ------
        PermissionDeniedError
            It does not.
        """
        self._require(operation)

    def _require(self, operation: str) -> None:
        if not getattr(self._permissions, operation):
            msg = (
                f"repo {self._name!r} is configured with {operation}: false; set {operation}: true or use another repo"
            )
            raise PermissionDeniedError(msg)
