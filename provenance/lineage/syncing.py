"""Two repos that get what the other one has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from provenance import state
from provenance.artifacts.labels import Labels, normalize_labels
from provenance.lineage.progress import Report, reporting
from provenance.lineage.transferring import Plan, Tally, Transfer, carry_out, plan_transfer, resolved
from provenance.repos.base import BaseRepo
from provenance.repos.failures import Failure, left_out
from provenance.repos.labellings import History, Labelling, merged, missing_in, with_labels
from provenance.types import JSON, ArtifactId, Repo, SetRecord


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync` moves between its repos ``a`` and ``b``.

    Attributes
    ----------
    to_a, to_b : Transfer
        What is moved in each direction.
    """

    to_a: Transfer
    to_b: Transfer


@dataclass(frozen=True, slots=True)
class _Part:
    """What is missing in one repo of the sets, and of the history of labels, that the other one has."""

    target: BaseRepo
    plan: Plan
    sets: Sequence[SetRecord]
    theirs: Sequence[Labelling]
    labels: int

    def foretold(self) -> Transfer:
        return replace(self.plan.foretold(self.target), sets=len(self.sets), labels=self.labels)


def sync(
    a: Repo | str,
    b: Repo | str,
    labels: Labels | None = None,
    *,
    progress: Report | bool | None = None,
    dry_run: bool = False,
) -> Synced:
    """Let two repos have each other's artifact sets, with the artifacts in them and everything behind these.

    Afterwards both have every set that either of them had saved under such labels, and the histories of these labels
    are one: in the order of the times at which the sets were saved, so that the latest set is the same in both.
    Nothing is deleted: a set that was deleted from one repo comes back if the other one has it. Doing it again moves
    only what is new, and goes on where it was interrupted.

    Parameters
    ----------
    a, b : Repo or str
        The repos; a name means the configured repo of that name.
    labels : str or mapping, optional
        Which sets: those that were saved under labels that contain these; a string means ``{'name': string}``. All
        sets if not given, also those without labels.
    progress : callable or True, optional
        As in `promote`; told first of what goes to `b`, then of what goes to `a`.
    dry_run : bool
        Whether to find out what there is to be moved only.

    Returns
    -------
    Synced
        What was moved in each direction, or would be.

    Raises
    ------
    InvalidLabelsError
        The labels are not JSON.
    BlobNotFoundError, BlobCorruptError, ArtifactNotFoundError
        Some artifacts could not be copied, as their bytes are lost or damaged, or as they were deleted meanwhile; the
        message names them. The others were, and the sets that have none of these as members.
    PermissionDeniedError
        One of the repos may not be read or not be written.
    StorageError
        A repo or blobstore cannot be reached, read or written. Call again when it can.
    """
    one, other = resolved(a), resolved(b)
    for repo in (one, other):
        repo.require("read")
        repo.require("write")
    wanted = normalize_labels(labels)
    to_b, to_a = _part(one, other, wanted), _part(other, one, wanted)
    if dry_run:
        return Synced(to_a.foretold(), to_b.foretold())
    moved_to_b, failed_to_b = _carry_out(to_b, progress)
    moved_to_a, failed_to_a = _carry_out(to_a, progress)
    _merge_histories(to_a, to_b)
    for part, failed in ((to_b, failed_to_b), (to_a, failed_to_a)):
        if failed:
            raise left_out(list(failed.values()), len(part.plan.missing), part.target.name)
    return Synced(moved_to_a, moved_to_b)


def _part(source: BaseRepo, target: BaseRepo, wanted: Mapping[str, JSON] | None) -> _Part:
    history = source.label_history()
    theirs = history if wanted is None else with_labels(history, wanted)
    ids = source.set_ids() if wanted is None else {labelling.set_id for labelling in theirs}
    sets = [record for set_id in sorted(ids) if (record := source.find_set(set_id)) is not None]
    members = sorted({artifact_id for record in sets for artifact_id in record.artifact_ids})
    others = [repo for repo in state.known_repos() if repo is not source and repo is not target]
    known = target.set_ids()
    return _Part(
        target,
        plan_transfer(members, [source, *others, target], target),
        [record for record in sets if record.id not in known],
        theirs,
        sum(1 for _ in missing_in(target.label_history(), theirs)),
    )


def _carry_out(part: _Part, progress: Report | bool | None) -> tuple[Transfer, Mapping[ArtifactId, Failure]]:  # noqa: FBT001
    with reporting(progress, f"sync to {part.target.name}") as report:
        tally = Tally(part.plan, report)
        failed = carry_out(part.plan, part.target, tally)
    sets = [record for record in part.sets if failed.keys().isdisjoint(record.artifact_ids)]
    for record in sets:
        part.target.save_set(replace(record, labels=None))
    return replace(tally.moved, sets=len(sets), labels=part.labels), failed


def _merge_histories(to_a: _Part, to_b: _Part) -> None:
    """Let both repos know of each other's labels; of those saved at the same time the ones of ``a`` come first."""
    if to_a.labels:
        to_a.target.arrange_labels(lambda own: merged(own, _fresh(own, to_a.theirs)))
    if to_b.labels:
        to_b.target.arrange_labels(lambda own: merged(_fresh(own, to_b.theirs), own))


def _fresh(own: History, theirs: Collection[Labelling]) -> History:
    return list(missing_in(own, theirs))
