"""Moving artifacts with all that is behind them: first it is found out what is missing, then that is copied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from provenance import state
from provenance.artifacts.artifact import Artifact
from provenance.errors import ArtifactNotFoundError
from provenance.lineage.progress import Progress, Report
from provenance.lineage.walk import LOOKED_UP_AT_ONCE, batches, topological, walk
from provenance.repos.base import BaseRepo
from provenance.repos.copying import ROWS_AT_ONCE
from provenance.repos.failures import Failure
from provenance.types import ArtifactId, ArtifactRecord, BlobKey, BlobRef, Repo


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is moved from one repo to another; after a transfer, or as ``dry_run`` foretells it.

    Attributes
    ----------
    artifacts : int
        Artifacts that the other repo does not have, or has lost the bytes of.
    blobs, bytes : int
        Blobs of theirs that are not in the other store, and their size. Small values travel in the rows.
    already_there : int
        Artifacts that the other repo has.
    sets : int
        Artifact sets that the other repo does not have.
    labels : int
        Labels under which sets were saved that the other repo does not know of.
    """

    artifacts: int = 0
    blobs: int = 0
    bytes: int = 0
    already_there: int = 0
    sets: int = 0
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is missing in a repo: artifacts in the order in which they are stored, where they are, and their blobs."""

    missing: Sequence[ArtifactId]
    places: Mapping[ArtifactId, Repo]
    references: Mapping[ArtifactId, Sequence[ArtifactId]]
    blobs: Mapping[BlobKey, BlobRef]
    already_there: int
    unknown: Collection[ArtifactId]

    def foretold(self, target: BaseRepo) -> Transfer:
        """What carrying it out would move; the blobs are looked for."""
        there = target.blobs_there(self.blobs.keys())
        sizes = [ref.size for key, ref in self.blobs.items() if key not in there]
        return Transfer(len(self.missing), len(sizes), sum(sizes), self.already_there)


def resolved(repo_or_name: Repo | str) -> BaseRepo:
    """The repo itself, or the configured one of this name."""
    repo = state.resolve_repo(repo_or_name)
    assert isinstance(repo, BaseRepo)  # noqa: S101  every repo is built on the base
    return repo


def plan_transfer(roots: Sequence[ArtifactId], repos: Sequence[Repo], target: BaseRepo) -> Plan:
    """Find out what of these artifacts and all that is behind them is missing in a repo."""
    unknown: set[ArtifactId] = set()
    places: dict[ArtifactId, Repo] = {}
    references: dict[ArtifactId, tuple[ArtifactId, ...]] = {}
    blobs: dict[ArtifactId, list[BlobRef]] = {}
    for artifact in walk(roots, repos, unknown):
        record = artifact.record
        places[record.id] = artifact.repo
        references[record.id] = tuple(edge.artifact_id for edge in record.edges)
        blobs[record.id] = [ref for ref in (record.value_blob, record.inputs_blob) if ref is not None]
    there = {key for batch in batches(places, LOOKED_UP_AT_ONCE) for key in _sound(target, batch)}
    missing = [key for key in topological(references, roots) if key in places and key not in there]
    needed = {ref.key: ref for key in missing for ref in blobs[key]}
    return Plan(missing, places, references, needed, len(there), unknown)


def _sound(target: BaseRepo, ids: Sequence[ArtifactId]) -> Iterator[ArtifactId]:
    """Those that a repo has with their values."""
    records = list(target.find_records(ids).values())
    for record, has_value in zip(records, target.batch_has_values(records), strict=True):
        if has_value:
            yield record.id


class Tally:
    """Counts what is moved, and reports it."""

    def __init__(self, plan: Plan, report: Report | None) -> None:
        sizes = [ref.size for ref in plan.blobs.values()]
        self._progress = Progress(0, len(plan.missing), 0, len(sizes), 0, sum(sizes))
        self._report = report
        self.moved = Transfer(already_there=plan.already_there)
        self._tell()

    def blob(self, ref: BlobRef, is_sent: bool) -> None:  # noqa: FBT001  a fact, not a mode
        """Count a blob that is in the other store now."""
        now, moved = self._progress, self.moved
        self._progress = replace(now, blobs=now.blobs + 1, bytes=now.bytes + ref.size)
        if is_sent:
            self.moved = replace(moved, blobs=moved.blobs + 1, bytes=moved.bytes + ref.size)
        self._tell()

    def artifacts(self, count: int) -> None:
        """Count artifacts that are in the other repo now."""
        self._progress = replace(self._progress, artifacts=self._progress.artifacts + count)
        self.moved = replace(self.moved, artifacts=self.moved.artifacts + count)
        self._tell()

    def _tell(self) -> None:
        if self._report is not None:
            self._report(self._progress)


def carry_out(plan: Plan, target: BaseRepo, tally: Tally) -> dict[ArtifactId, Failure]:
    """Copy what is missing, and return why that which could not be copied could not.

    References are stored before what refers to them, so that whenever this ends, no reference that was stored by it
    leads to what is missing.

    Raises
    ------
    StorageError
        A repo cannot be reached, read or written.
    """
    failed: dict[ArtifactId, Failure] = {}
    for batch in batches(plan.missing, ROWS_AT_ONCE):
        ready: list[Artifact] = []
        found = _loaded(batch, plan.places)
        for key in batch:
            cause = next((failed[reference] for reference in plan.references[key] if reference in failed), None)
            if cause is not None:
                failed[key] = cause
            elif key in found:
                ready.append(Artifact(found[key], plan.places[key]))
            else:
                failed[key] = _vanished(key, plan.places[key])
        outcomes = target.put_each(ready, tally.blob)
        failures = {one.id: out for one, out in zip(ready, outcomes, strict=True) if not isinstance(out, Artifact)}
        failed.update(failures)
        tally.artifacts(len(ready) - len(failures))
    return failed


def _loaded(ids: Iterable[ArtifactId], places: Mapping[ArtifactId, Repo]) -> dict[ArtifactId, ArtifactRecord]:
    """Records with what lies in their rows, which was not kept when it was found out what is missing."""
    by_repo: defaultdict[int, list[ArtifactId]] = defaultdict(list)
    for key in ids:
        by_repo[id(places[key])].append(key)
    found: dict[ArtifactId, ArtifactRecord] = {}
    for group in by_repo.values():
        found.update(places[group[0]].find_records(group))
    return found


def _vanished(key: ArtifactId, repo: Repo) -> ArtifactNotFoundError:
    return ArtifactNotFoundError(f"artifact {key} was deleted from repo {repo.name!r} meanwhile; compute it again")
