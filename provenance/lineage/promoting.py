"""Copying artifacts, and everything behind them, into another repo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from provenance import state
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike, is_proxy
from provenance.artifacts.sets import ArtifactSet
from provenance.lineage.progress import Report, reporting
from provenance.lineage.transferring import Tally, carry_out, plan_transfer, resolved
from provenance.lineage.walk import repos_near, require_known, root_ids
from provenance.repos.base import BaseRepo
from provenance.repos.failures import left_out
from provenance.types import Repo, SetRecord


def promote(
    artifact_or_id: ArtifactLike | ArtifactSet | Iterable[ArtifactLike],
    to_repo: Repo | str,
    from_repo: Repo | str | None = None,
    *,
    progress: Report | bool | None = None,
    dry_run: bool = False,
) -> object:
    """Copy artifacts, and everything behind them, into another repo.

    Bytes go straight from store to store, several at once, and nothing is unpickled. Metadata follows in batches. What
    the other repo has already is left alone, so that a promotion that was interrupted, however it was, goes on where
    it stopped when it is called again. An artifact is stored after everything it refers to.

    Parameters
    ----------
    artifact_or_id : Artifact, ArtifactProxy, str, ArtifactSet or iterable
        What to copy; a string is an artifact id. An iterable gives any of the first three, as what `find` returns
        does. A set becomes the latest one under its labels in the other repo, unless it is that already.
    to_repo : Repo or str
        Where to; a name means the configured repo of that name.
    from_repo : Repo or str, optional
        Where from; if not given, wherever the artifacts lie.
    progress : callable or True, optional
        Called with a `Progress` now and then, in any thread, but in one at a time; True shows a line on standard error.
    dry_run : bool
        Whether to find out what there is to be copied only.

    Returns
    -------
    Artifact, ArtifactSet, list of Artifact, or Transfer
        What was promoted, as it lies in the other repo; with `dry_run` what would be copied.

    Raises
    ------
    ArtifactNotFoundError
        An artifact, or one behind it, is not where it should come from. If that was noticed before anything was copied,
        nothing was.
    BlobNotFoundError, BlobCorruptError
        The bytes of some artifacts are lost or damaged; the message names them. Neither these nor what was made with
        them were copied; everything else was, but not the set.
    StorageError
        A repo or blobstore cannot be reached, read or written. Call again when it can.
    """
    target = resolved(to_repo)
    target.require("read")  # else what is missing could not be told
    target.require("write")
    given = artifact_or_id if _is_one(artifact_or_id) else list(cast("Iterable[object]", artifact_or_id))
    repos = repos_near(given) if from_repo is None else (state.resolve_repo(from_repo),)
    roots = root_ids(given)
    plan = plan_transfer(roots, sorted(repos, key=lambda repo: repo is target), target)
    require_known(plan.unknown, repos)
    record = given.to_record() if isinstance(given, ArtifactSet) else None
    if dry_run:
        foretold = plan.foretold(target)
        return foretold if record is None else replace(foretold, **_missing_of_set(record, target))
    with reporting(progress, f"promote to {target.name}") as report:
        failures = carry_out(plan, target, Tally(plan, report))
    if failures:
        raise left_out(list(failures.values()), len(plan.missing), target.name)
    if record is not None:
        return ArtifactSet.from_record(save_set_once(record, target))
    records = target.find_records(roots)
    promoted = [Artifact(records[key], target) for key in roots]
    return promoted[0] if _is_one(given) else promoted


def _is_one(given: object) -> bool:
    return isinstance(given, str | Artifact | ArtifactSet) or is_proxy(given) or not isinstance(given, Iterable)


def save_set_once(record: SetRecord, target: BaseRepo) -> SetRecord:
    """Save a set under its labels, unless it is there and the latest one under just these."""
    missing = _missing_of_set(record, target)
    if any(missing.values()):
        return target.save_set(record)
    return record


def _missing_of_set(record: SetRecord, target: BaseRepo) -> dict[str, int]:
    missing = {"sets": int(target.find_set(record.id) is None), "labels": 0}
    if record.labels is not None:
        latest = target.latest_set(record.labels)
        is_latest = latest is not None and (latest.id, latest.labels) == (record.id, record.labels)
        missing["labels"] = int(not is_latest)
    return missing
