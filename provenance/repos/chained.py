"""Several repos, one behind the other."""

# Longer than 400 lines: every method of a repo has its meaning for several of them, which is told in one place.

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar, Unpack

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, set_id_of, stored_artifact
from provenance.artifacts.labels import Labels
from provenance.artifacts.sets import ArtifactSet
from provenance.blobstores.choices import RETRY_SECONDS, OnUnreachable, WritePolicy
from provenance.blobstores.tiers import Tiers, worst
from provenance.errors import (
    BlobNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    ProvenanceError,
    TierUnavailableError,
)
from provenance.repos.base import BaseRepo, OnBlob
from provenance.repos.chained_failures import failed_calls_of_members, save_failed_call_in_members
from provenance.repos.chained_leases import ChainedLeases
from provenance.repos.chained_lineage import copy_rows_up, copy_up, downstream
from provenance.repos.chained_records import (
    blobs_in_all,
    dated_set,
    has_bytes,
    lies_in_row,
    own_record,
    put_each_in_members,
    put_in_members,
    save_in_members,
    saved_at,
)
from provenance.repos.chained_search import search_members
from provenance.repos.failures import Failure
from provenance.repos.labellings import Arrange, History, merged, missing_in
from provenance.repos.located import Located
from provenance.repos.options import RepoOptions
from provenance.repos.queries import FailedCallQuery, Query, Row
from provenance.types import (
    JSON,
    ArtifactId,
    ArtifactRecord,
    BlobKey,
    Draft,
    FailedCall,
    JobRecord,
    JobUses,
    Leases,
    RecipeKey,
    RecordPlace,
    RunRecord,
    SetId,
    SetRecord,
    UsedAs,
    ValueId,
)

K = TypeVar("K", ArtifactId, RecipeKey)
T = TypeVar("T")
Found = Mapping[K, ArtifactRecord]

logger = logging.getLogger("provenance.repos")


class ChainedRepo(BaseRepo):
    """Look up in the first repo that has it, store in every repo that may be written.

    What is found further down is copied into the earlier members that permit ``write`` and ``read_through_write``:
    an artifact that lies in its row at once, one with larger bytes when its value is first read. Bytes are copied
    as they are, and what the artifact was made from is not copied with it: it is found through the chain. What is
    damaged, missing or out of reach in one member is looked for in the next one. Of the sets with some labels, the one
    that was last saved in any member is found, by the clocks of their databases; sets are not copied.

    While a member that may have it is out of reach, what is not found is computed again, and methods that would have to
    say that it is not there raise `TierUnavailableError`. Deleting needs every member.

    Parameters
    ----------
    repos : sequence of BaseRepo
        The members, the nearest first.
    name : str
        What the repo is called in the configuration and in messages.
    write_policy : {"all", "first", "any"}
        Which of the repos that permit ``write`` must take what is stored: each of them; only the nearest one, or the
        next one where that is out of reach and left out; or at least one. Those that need not take it and fail are
        reported in the log, once. What one repo has taken stays there when `save` raises.
    on_unreachable : {"skip", "raise"}
        What happens when a repo cannot be used: it is left out for a while, with one warning in the log for the whole
        outage, or `TierUnavailableError` is raised.
    retry_seconds : float
        How long a repo is left out before it is asked again, by one of the callers in each process.
    **options
        See `provenance.repos.base.BaseRepo`; they hold for the chain as a whole, besides those of its members.

    Raises
    ------
    ConfigError
        There is no member, or an option has a value it cannot have.
    """

    def __init__(
        self,
        repos: Sequence[BaseRepo],
        *,
        name: str = "chained",
        write_policy: WritePolicy = "all",
        on_unreachable: OnUnreachable = "skip",
        retry_seconds: float = RETRY_SECONDS,
        **options: Unpack[RepoOptions],
    ) -> None:
        super().__init__(name, **options)
        self._tiers = Tiers(
            repos,
            f"chained repo {name!r}",
            logger,
            write_policy=write_policy,
            on_unreachable=on_unreachable,
            retry_seconds=retry_seconds,
        )
        self.repos = self._tiers.members
        leasing = self._tiers.last_written()
        self._leases = None if leasing is None else ChainedLeases(self._tiers, leasing)
        own, permitting = self._permissions, self._tiers.permitting
        self._permissions = own._replace(
            write=own.write and bool(permitting("write")), delete=own.delete and bool(permitting("delete"))
        )

    def _require(self, operation: str) -> None:
        if not getattr(self._permissions, operation):
            msg = (
                f"chained repo {self._name!r}, or every member of it, is configured with {operation}: false; "
                f"set {operation}: true on the chain and on one of its repos, or use another repo"
            )
            raise PermissionDeniedError(msg)

    def record_places(self) -> tuple[RecordPlace, ...]:
        """Return the places of all members; those that are written have to be so by the chain's policy."""
        written = [member for _, member in self._tiers.writing()] if self._permissions.write else []
        return tuple(
            place._replace(writes=place.writes and member in written)
            for member in self.repos
            for place in member.record_places()
        )

    # ---- looking up

    def find_records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """Return the stored records among `ids`; each member is asked for what those before it do not have."""
        return self._find(ids, lambda repo, missing: repo.find_records(missing))

    def forget_records(self, ids: Collection[ArtifactId] | None = None) -> None:
        """Forget which of these records, or of all, this process has seen lately in any member."""
        for repo in self.repos:
            repo.forget_records(ids)

    def find_recipes(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """Return the stored records that recipe keys led to; asked for as in `find_records`."""
        return self._find(keys, lambda repo, missing: repo.find_recipes(missing))

    def _find(self, keys: Collection[K], ask: Callable[[BaseRepo, Collection[K]], Found[K]]) -> dict[K, ArtifactRecord]:
        found: dict[K, ArtifactRecord] = {}
        if not keys or not self._permissions.read:
            return found
        missing = keys

        def ask_for_the_rest(repo: BaseRepo) -> Found[K]:
            return ask(repo, missing)

        for position, fetched in self._tiers.answers("look up", ask_for_the_rest, []):
            for key, record in fetched.items():
                if key not in found or has_bytes(record):
                    found[key] = record
            if self._permissions.read_through_write:
                copy_rows_up(self._tiers, filter(lies_in_row, fetched.values()), position)
            missing = [key for key in missing if key not in found or not has_bytes(found[key])]
            if not missing:
                break
        return found

    def recipes_of(self, ids: Collection[ArtifactId]) -> dict[RecipeKey, ArtifactId]:
        """Return the recipe keys that lead to these artifacts in any member; of two for one key, the nearer one's."""
        found: dict[RecipeKey, ArtifactId] = {}
        for recipes in self._known(lambda repo: repo.recipes_of(ids)):
            found = {**recipes, **found}
        return found

    def find_latest(self, value_id: ValueId) -> ArtifactRecord | None:
        """Return the record with this value that was stored last in the first member that has one."""
        return next(self._known(lambda repo: repo.find_latest(value_id)), None)

    def find_run(self, run_id: str) -> RunRecord | None:
        """Return the facts recorded about one process."""
        return next(self._known(lambda repo: repo.find_run(run_id)), None)

    def _known(self, ask: Callable[[BaseRepo], T | None]) -> Iterator[T]:
        """What those members answer that know an answer."""
        if self._permissions.read:
            yield from (answer for _, answer in self._tiers.answers("look up", ask, []) if answer is not None)

    @property
    def leases(self) -> Leases | None:
        """Who computes what at present, as the last member says that is written: who shares any, shares that one."""
        return self._leases if self._permissions.read and self._permissions.write else None

    # ---- for people: what is not found may be where nobody can look

    def __contains__(self, artifact_id: ArtifactLike) -> bool:
        found = super().__contains__(artifact_id)
        if not found:
            self._refuse_absence(f"whether artifact {artifact_id!r:.80} is in repo {self._name!r} cannot be told")
        return found

    def batch_get_by_id(self, artifact_ids: Iterable[ArtifactLike]) -> list[Artifact]:
        """Return the artifacts with these ids; see `BaseRepo.batch_get_by_id`.

        Raises
        ------
        TierUnavailableError
            Some were not found, and a member that may have them is out of reach.
        """
        with self._telling_of_outages():
            return super().batch_get_by_id(artifact_ids)

    def get_by_value_id(self, value_id: str) -> Artifact:
        """Return the artifact with this value id; see `BaseRepo.get_by_value_id`, and `batch_get_by_id`."""
        with self._telling_of_outages():
            return super().get_by_value_id(value_id)

    def get_set_by_id(self, set_id: object) -> ArtifactSet:
        """Return the set with this id; see `BaseRepo.get_set_by_id`, and `batch_get_by_id`."""
        with self._telling_of_outages():
            return super().get_set_by_id(set_id)

    def get_set_by_labels(self, labels: Labels) -> ArtifactSet:
        """Return the set last saved under such labels; see `BaseRepo.get_set_by_labels`, and `batch_get_by_id`."""
        with self._telling_of_outages():
            return super().get_set_by_labels(labels)

    def put_set(self, artifact_set: ArtifactSet) -> ArtifactSet:
        """Store a set, whose members may lie in any repos of the chain; see `BaseRepo.put_set`."""
        with self._telling_of_outages():
            return super().put_set(artifact_set)

    @contextmanager
    def _telling_of_outages(self) -> Iterator[None]:
        try:
            yield
        except NotFoundError as exc:
            self._refuse_absence(str(exc))
            raise

    def _refuse_absence(self, what: str) -> None:
        cause = self._tiers.outage("look up")
        if cause is not None:
            msg = f"{what}; but a member of the chain is out of reach: {cause}"
            raise TierUnavailableError(msg) from cause

    # ---- bytes

    def has_value(self, record: ArtifactRecord) -> bool:
        """Tell whether any member in reach has the bytes of a record's value."""
        if not self._permissions.read:
            return False

        def has_it(repo: BaseRepo) -> bool:
            if repo.has_value(record):
                return True
            own = own_record(repo, record)
            return own is not None and repo.has_value(own)

        return any(answer for _, answer in self._tiers.answers("read", has_it, []))

    def value_source(self, record: ArtifactRecord) -> Located:
        """Return verified bytes of a record's value from the first member that has sound ones."""
        position, located = self._sound(record, lambda repo, own: repo.value_source(own))
        if self._permissions.read_through_write:
            copy_up(self._tiers, located, position)
        return located

    def inputs_source(self, record: ArtifactRecord) -> bytes | Path:
        """Return verified bytes of a record's inputs from the first member that has sound ones."""
        return self._sound(record, lambda repo, own: repo.inputs_source(own))[1]

    def _sound(self, record: ArtifactRecord, read: Callable[[BaseRepo, ArtifactRecord], T]) -> tuple[int, T]:
        """What the first member with sound bytes gives, and its position."""
        self._require("read")
        failures: list[ProvenanceError] = []

        def read_own(repo: BaseRepo) -> T | None:
            own = own_record(repo, record)
            return None if own is None else read(repo, own)

        for position, answer in self._tiers.answers("read", read_own, failures):
            if answer is not None:
                return position, answer
        raise worst(failures) or BlobNotFoundError(
            f"artifact {record.id} ({record.name}) is in no member of repo {self._name!r}; compute it again"
        )

    # ---- storing

    def save(self, draft: Draft) -> ArtifactRecord:
        """Store a computed call in the members that may be written, as the write policy says.

        Returns
        -------
        ArtifactRecord
            The record of the first of them that took it. If another caller has stored the same call there with another
            value, that one is what the others get.

        Raises
        ------
        PermissionDeniedError
            No member may be written.
        TierUnavailableError, StorageError
            A member that must take it could not; what others have taken stays there.
        LeaseLostError
            The lease was taken over, and nothing is stored yet.
        """
        self._require("write")
        return save_in_members(self._tiers, draft)

    def put(self, artifact: ArtifactLike) -> Artifact:
        """Store an artifact in the members that may be written, as the write policy says; see `BaseRepo.put`."""
        self._require("write")
        return Artifact(put_in_members(self._tiers, stored_artifact(artifact)), self)

    def put_each(self, artifacts: Sequence[Artifact], on_blob: OnBlob | None = None) -> list[Artifact | Failure]:
        """Store artifacts in the members that may be written, as the write policy says; see `BaseRepo.put_each`."""
        self._require("write")
        outcomes = put_each_in_members(self._tiers, artifacts, on_blob)
        return [Artifact(outcome.record, self) if isinstance(outcome, Artifact) else outcome for outcome in outcomes]

    def blobs_there(self, keys: Collection[BlobKey]) -> set[BlobKey]:
        """Return those of these blobs that every member has that may be written."""
        return blobs_in_all(self._tiers, keys)

    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Record further recipe keys in the members that have the artifacts, as the write policy says."""
        self._require("write")
        self._tiers.write(lambda repo: repo.add_recipes(recipes))

    # ---- deleting

    def batch_delete(self, artifact_ids: Iterable[ArtifactLike]) -> None:
        """Delete artifacts from every member that permits it; see `BaseRepo.delete`.

        Recipe keys of what was made with it are forgotten there too, also where the lineage runs through several
        members.

        Raises
        ------
        TierUnavailableError
            A member is out of reach. It is deleted from the others; delete it again when all are in reach.
        """
        self._require("delete")
        keys = list(dict.fromkeys(map(artifact_id_of, artifact_ids)))
        failures: list[ProvenanceError] = []
        affected = {*keys, *downstream(self._tiers, keys, failures)}

        def delete(repo: BaseRepo) -> None:
            repo.remove_recipes(affected)
            repo.batch_delete(keys)

        self._tiers.everywhere("delete", "delete", delete)
        if failures:
            msg = f"deleted, but not all that was made with {keys[0]} and others is known; do it again: {failures[0]}"
            raise TierUnavailableError(msg) from failures[0]

    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Return everything in any member that was made with these artifacts.

        Raises
        ------
        TierUnavailableError
            A member is out of reach.
        """
        failures: list[ProvenanceError] = []
        found = downstream(self._tiers, ids, failures)
        if failures:
            raise failures[0]
        return found

    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Forget the recipe keys that lead to these artifacts, in every member that permits it."""
        self._require("delete")
        self._tiers.everywhere("delete", "delete", lambda repo: repo.remove_recipes(ids))

    # ---- sets

    def find_set(self, set_id: SetId) -> SetRecord | None:
        """Return a set, with the labels it was last saved under in any member."""
        return max(self._known(lambda repo: repo.find_set(set_id)), key=saved_at, default=None)

    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """Return the set last saved under such labels in any member, by the clocks of their databases."""
        return max(self._known(lambda repo: repo.latest_set(labels)), key=saved_at, default=None)

    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set in the members that may be written, as the write policy says."""
        self._require("write")
        first: SetRecord | None = None

        def save(repo: BaseRepo) -> SetRecord:
            nonlocal first
            saved = repo.save_set(dated_set(record, first))
            first = first or saved
            return saved

        return self._tiers.write(save)[0]

    def set_ids(self) -> set[SetId]:
        """Return the ids of all sets in any member."""
        return set().union(*self._known(lambda repo: repo.set_ids()))

    def label_history(self) -> History:
        """Return under which labels sets were saved in any member, by the clocks of their databases."""
        found: History = []
        for history in self._known(lambda repo: repo.label_history()):
            found = merged(found, list(missing_in(found, history)))
        return found

    def arrange_labels(self, arrange: Arrange) -> None:
        """Give the history of labels another order in the members that may be written, as the write policy says."""
        self._require("write")
        self._tiers.write(lambda repo: repo.arrange_labels(arrange))

    def delete_set(self, set_id: object) -> None:
        """Delete a set from every member that permits it; its members stay."""
        self._require("delete")
        key = set_id_of(set_id)
        self._tiers.everywhere("delete", "delete", lambda repo: repo.delete_set(key))

    # ---- calls that raised

    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Record a call that raised in the members that may be written, as the write policy says."""
        self._require("write")
        return save_failed_call_in_members(self._tiers, call, run)

    def failed_calls(self, query: FailedCallQuery) -> list[FailedCall]:
        """Return the calls that raised in any member, by the clocks of their databases; the last ones first."""
        return failed_calls_of_members(self._tiers, query) if self._permissions.read else []

    # ---- jobs

    def begin_job(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job in the members that may be written, as the write policy says."""
        self._require("write")
        first = record

        def begin(repo: BaseRepo) -> JobRecord:
            nonlocal first
            first = repo.begin_job(first, run)  # by the clock of the first one, so that all members agree
            return first

        return self._tiers.write(begin)[0]

    def end_job(self, job_id: str) -> None:
        """Note in the members that may be written that a job is over, as the write policy says."""
        self._require("write")
        self._tiers.write(lambda repo: repo.end_job(job_id))

    def add_job_uses(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used in the members that may be written, as the write policy says."""
        self._require("write")
        self._tiers.write(lambda repo: repo.add_job_uses(job_id, uses))

    def job_uses(self, job_id: str) -> JobUses:
        """Return what a job used, as far as it was noted in any member; "computed" goes before "hit"."""
        found: dict[ArtifactId, tuple[UsedAs, str]] = {}
        for uses in self._known(lambda repo: repo.job_uses(job_id)):
            found.update({key: use for key, use in uses.items() if found.get(key, ("hit", ""))[0] == "hit"})
        return found

    # ---- searching

    def search(self, query: Query) -> Iterator[Row]:
        """Yield the rows of the members in reach, merged, each once; see `BaseRepo.search`."""
        return search_members(self, self._tiers, query) if self._permissions.read else iter(())

    def close(self) -> None:
        """Close every member."""
        with ExitStack() as stack:
            for repo in reversed(self.repos):
                stack.callback(repo.close)
