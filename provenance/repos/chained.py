"""Several repos, one behind the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, Unpack

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, set_id_of
from provenance.errors import (
    BlobNotFoundError,
    ConfigError,
    NotFoundError,
    PermissionDeniedError,
    ProvenanceError,
    StorageError,
)
from provenance.repos.base import BaseRepo, Located
from provenance.repos.options import RepoOptions
from provenance.repos.transfer import copied_payload, stored_artifact
from provenance.types import (
    JSON,
    ArtifactId,
    ArtifactRecord,
    Draft,
    Permissions,
    RecipeKey,
    RunRecord,
    SetId,
    SetRecord,
    ValueId,
)

K = TypeVar("K", ArtifactId, RecipeKey)
T = TypeVar("T")
Found = Mapping[K, ArtifactRecord]


class ChainedRepo(BaseRepo):
    """Look up in the first repo that has it, store in every repo that may be written.

    What is found further down is copied into the earlier members that permit ``write`` and ``read_through_write``:
    an artifact that lies in its row at once, one with larger bytes when its value is first read. Bytes are copied
    as they are. What is damaged, missing or out of reach in one member is looked for in the next one. Sets are not
    copied, since which one is the latest under some labels can change: the first member that has such a set decides.

    Parameters
    ----------
    repos : sequence of BaseRepo
        The members, the nearest first.
    name : str
        What the repo is called in the configuration and in messages.
    **options
        See `provenance.repos.base.BaseRepo`; they hold for the chain as a whole, besides those of its members.

    Raises
    ------
    ConfigError
        There is no member.
    """

    def __init__(self, repos: Sequence[BaseRepo], *, name: str = "chained", **options: Unpack[RepoOptions]) -> None:
        super().__init__(name, **options)
        if not repos:
            msg = f"chained repo {name!r} needs at least one repo in repos"
            raise ConfigError(msg)
        self.repos = tuple(repos)
        own = self._permissions
        members = [repo.permissions for repo in self.repos]
        self._permissions = Permissions(
            read=own.read,
            write=own.write and any(member.write for member in members),
            read_through_write=own.read_through_write,
            delete=own.delete and any(member.delete for member in members),
        )

    def _permitting(self, operation: str) -> list[BaseRepo]:
        self._require(operation)
        return [repo for repo in self.repos if getattr(repo.permissions, operation)]

    def _require(self, operation: str) -> None:
        if not getattr(self._permissions, operation):
            msg = (
                f"chained repo {self._name!r}, or every member of it, is configured with {operation}: false; "
                f"set {operation}: true on the chain and on one of its repos, or use another repo"
            )
            raise PermissionDeniedError(msg)

    # ---- looking up

    def find_records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """Return the stored records among `ids`; each member is asked for what those before it do not have."""
        return self._find(ids, lambda repo, missing: repo.find_records(missing))

    def find_recipes(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """Return the stored records that recipe keys led to; asked for as in `find_records`."""
        return self._find(keys, lambda repo, missing: repo.find_recipes(missing))

    def _find(self, keys: Collection[K], ask: Callable[[BaseRepo, Collection[K]], Found[K]]) -> dict[K, ArtifactRecord]:
        found: dict[K, ArtifactRecord] = {}
        if not self._permissions.read:
            return found
        missing = keys
        for position, repo in enumerate(self.repos):
            fetched = ask(repo, missing)
            for key, record in fetched.items():
                if key not in found or _has_bytes(record):
                    found[key] = record
            if position:
                self._copy_up((record for record in fetched.values() if _lies_in_row(record)), position)
            missing = [key for key in missing if key not in found or not _has_bytes(found[key])]
            if not missing:
                break
        return found

    def find_latest(self, value_id: ValueId) -> ArtifactRecord | None:
        """Return the record with this value that was stored last in the first member that has one."""
        return self._first(lambda repo: repo.find_latest(value_id))

    def find_run(self, run_id: str) -> RunRecord | None:
        """Return the facts recorded about one process."""
        return self._first(lambda repo: repo.find_run(run_id))

    def _first(self, ask: Callable[[BaseRepo], T | None]) -> T | None:
        if not self._permissions.read:
            return None
        answers = map(ask, self.repos)
        return next((answer for answer in answers if answer is not None), None)

    def _copy_up(self, records: Iterable[ArtifactRecord], position: int) -> None:
        """Copy artifacts of one member into those before it."""
        source = self.repos[position]
        targets = [repo for repo in self.repos[:position] if _takes_copies(repo)]
        if not targets or not self._permissions.read_through_write:
            return
        for record in records:
            for repo in targets:
                try:
                    repo.put(Artifact(record, source))
                except (StorageError, NotFoundError) as exc:  # it was found: a copy that fails is no reason to fail
                    logging.getLogger("provenance.repos").warning(
                        "artifact %s could not be copied from repo %r into %r: %s",
                        record.id,
                        source.name,
                        repo.name,
                        exc,
                    )

    # ---- bytes

    def has_value(self, record: ArtifactRecord) -> bool:
        """Tell whether any member has the bytes of a record's value."""
        if not self._permissions.read:
            return False
        if any(repo.has_value(record) for repo in self.repos):
            return True
        return any(repo.has_value(own) for _, repo, own in self._copies(record))

    def value_source(self, record: ArtifactRecord) -> Located:
        """Return verified bytes of a record's value from the first member that has sound ones."""
        position, located = self._sound(record, lambda repo, own: repo.value_source(own))
        if position:
            self._copy_up((located.record,), position)
        return located

    def inputs_source(self, record: ArtifactRecord) -> bytes | Path:
        """Return verified bytes of a record's inputs from the first member that has sound ones."""
        return self._sound(record, lambda repo, own: repo.inputs_source(own))[1]

    def _copies(self, record: ArtifactRecord) -> Iterable[tuple[int, BaseRepo, ArtifactRecord]]:
        """The members that have this artifact with this value, and their own records of it."""
        for position, repo in enumerate(self.repos):
            own = repo.find_records((record.id,)).get(record.id)
            if own is not None and own.value_id == record.value_id:
                yield position, repo, own

    def _sound(self, record: ArtifactRecord, read: Callable[[BaseRepo, ArtifactRecord], T]) -> tuple[int, T]:
        """What the first member with sound bytes gives, and its position."""
        self._require("read")
        failures: list[ProvenanceError] = []
        for position, repo, own in self._copies(record):
            try:
                return position, read(repo, own)
            except (NotFoundError, StorageError) as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
        msg = f"artifact {record.id} ({record.name}) is in no member of repo {self._name!r}; compute it again"
        raise BlobNotFoundError(msg)

    # ---- storing

    def save(self, draft: Draft) -> ArtifactRecord:
        """Store a computed call in every member that may be written.

        Returns
        -------
        ArtifactRecord
            The record of the first of them. If another caller has stored the same call there with another value,
            that one is what the others get.

        Raises
        ------
        PermissionDeniedError
            No member may be written.
        StorageError
            A member could not take it; the others have it.
        """
        winner: Artifact | None = None

        def store(repo: BaseRepo) -> None:
            nonlocal winner
            if winner is not None and winner.value_id != draft.record.value_id:
                repo.put(winner)
                return
            record = repo.save(self._for(repo, draft if winner is None else _dated(draft, winner.record)))
            winner = winner or Artifact(record, repo)

        _for_each(self._permitting("write"), store)
        assert winner is not None  # noqa: S101  a chain that may be written has a member that may be
        return winner.record

    def _for(self, repo: BaseRepo, draft: Draft) -> Draft:
        """The draft with the bytes it takes for granted, where a member does not have them."""
        record = draft.record
        if draft.value is not None or record.value_blob is None or repo.has_value(record):
            return draft
        for other in self.repos:
            if other.has_value(record):
                payload = copied_payload(other.value_source(record).source)
                return replace(draft, value=payload, value_extension=record.value_blob.key[64:])
        return draft

    def put(self, artifact: ArtifactLike) -> Artifact:
        """Store an artifact in every member that may be written; see `BaseRepo.put`."""
        given = stored_artifact(artifact)
        stored = _for_each(self._permitting("write"), lambda repo: repo.put(given))
        return Artifact(stored[0].record, self)

    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Record further recipe keys in the members that have the artifacts and may be written."""
        _for_each(self._permitting("write"), lambda repo: repo.add_recipes(recipes))

    # ---- deleting

    def delete(self, artifact_id: ArtifactLike) -> None:
        """Delete an artifact from every member that permits it; see `BaseRepo.delete`.

        Recipe keys of what was made with it are forgotten there too, also where the lineage runs through several
        members.
        """
        members = self._permitting("delete")
        key = artifact_id_of(artifact_id)
        affected = {key, *self.downstream((key,))}

        def delete(repo: BaseRepo) -> None:
            repo.remove_recipes(affected)
            repo.delete(key)

        _for_each(members, delete)

    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Return everything in any member that was made with these artifacts."""
        found: set[ArtifactId] = set()
        fresh = set(ids)
        while fresh:
            fresh = {key for repo in self.repos for key in repo.downstream(fresh)} - found
            found |= fresh
        return found

    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Forget the recipe keys that lead to these artifacts."""
        _for_each(self._permitting("delete"), lambda repo: repo.remove_recipes(ids))

    # ---- sets

    def find_set(self, set_id: SetId) -> SetRecord | None:
        """Return a set from the first member that has it."""
        return self._first(lambda repo: repo.find_set(set_id))

    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """Return the set last saved under such labels in the first member that has one."""
        return self._first(lambda repo: repo.latest_set(labels))

    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set in every member that may be written."""
        return _for_each(self._permitting("write"), lambda repo: repo.save_set(record))[0]

    def delete_set(self, set_id: object) -> None:
        """Delete a set from every member that permits it; its members stay."""
        key = set_id_of(set_id)
        _for_each(self._permitting("delete"), lambda repo: repo.delete_set(key))

    def close(self) -> None:
        """Close every member."""
        _for_each(self.repos, lambda repo: repo.close())


def _dated(draft: Draft, stored: ArtifactRecord) -> Draft:
    """The draft with the time that the first member's clock gave it, so that all members agree."""
    return replace(draft, record=replace(draft.record, computed_at=stored.computed_at))


def _for_each(repos: Iterable[BaseRepo], act: Callable[[BaseRepo], T]) -> list[T]:
    """Act on every repo, and only then raise what the first failure was."""
    results: list[T] = []
    failures: list[StorageError] = []
    for repo in repos:
        try:
            results.append(act(repo))
        except StorageError as exc:
            failures.append(exc)
    if failures:
        raise failures[0]
    return results


def _takes_copies(repo: BaseRepo) -> bool:
    return repo.permissions.write and repo.permissions.read_through_write


def _has_bytes(record: ArtifactRecord) -> bool:
    return record.value_inline is not None or record.value_blob is not None


def _lies_in_row(record: ArtifactRecord) -> bool:
    return record.value_inline is not None and record.inputs_blob is None
