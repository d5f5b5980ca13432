"""What goes with an artifact from one repo to another: its bytes as they are, its run, and its recipe keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance._util.payload import Buffers, FileContent
from provenance.artifacts.artifact import Artifact
from provenance.errors import BlobCorruptError, BlobNotFoundError
from provenance.repos.base import BaseRepo
from provenance.repos.failures import Failure
from provenance.repos.located import Located
from provenance.types import ArtifactRecord, Draft, Payload, RecipeKey, RunRecord


@dataclass(slots=True)
class Copy:
    """An artifact that is to be stored in another repo, and why it cannot be, if it cannot.

    `record` is what is to be stored. It has its bytes, or says where they lie in the repo `source`.
    """

    record: ArtifactRecord
    source: BaseRepo
    run: RunRecord
    recipes: Collection[RecipeKey]
    failure: Failure | None = None


def copies_of(artifacts: Collection[Artifact], target: BaseRepo) -> Iterator[Copy]:
    """What is to be stored in `target` for artifacts of other repos to lie there too; some queries for each repo."""
    by_repo: defaultdict[int, list[Artifact]] = defaultdict(list)
    for artifact in artifacts:
        by_repo[id(artifact.repo)].append(artifact)
    for group in by_repo.values():
        source = group[0].repo
        if not isinstance(source, BaseRepo) or source is target:
            for artifact in group:
                yield _without_source(artifact, target)
        else:
            yield from _copies_from(source, group)


def _without_source(artifact: Artifact, target: BaseRepo) -> Copy:
    msg = f"artifact {artifact.id} has no bytes in repo {artifact.repo.name!r} that could be copied; compute it again"
    return Copy(artifact.record, target, RunRecord(artifact.run_id, {}), (), BlobNotFoundError(msg))


def _copies_from(source: BaseRepo, artifacts: list[Artifact]) -> Iterator[Copy]:
    recipes: defaultdict[str, set[RecipeKey]] = defaultdict(set)
    for key, artifact_id in source.recipes_of([artifact.id for artifact in artifacts]).items():
        recipes[artifact_id].add(key)
    run_ids = {artifact.run_id for artifact in artifacts}
    runs = {run_id: source.find_run(run_id) or RunRecord(run_id, {}) for run_id in run_ids}
    for artifact in artifacts:
        yield Copy(
            to_be_copied(artifact.record, recipes[artifact.id]), source, runs[artifact.run_id], recipes[artifact.id]
        )


def to_be_copied(record: ArtifactRecord, recipes: Collection[RecipeKey]) -> ArtifactRecord:
    """A record as another repo should store it: without a recipe key that was forgotten since it was read."""
    return record._replace(sequence=None, recipe=record.recipe if record.recipe in recipes else None)


def copied_draft(record: ArtifactRecord, source: BaseRepo, located: Located | None = None) -> Draft:
    """What to store elsewhere for an artifact to lie there too; `located` is its value, if it was just read.

    Raises
    ------
    BlobNotFoundError, BlobCorruptError
        Its value is lost or damaged.
    """
    found, value, _ = located or source.value_source(record)
    recipes = () if found.recipe is None else source.recipes_of((found.id,))
    return Draft(
        record=to_be_copied(found, recipes)._replace(inputs_blob=None),
        run=source.find_run(found.run_id) or RunRecord(found.run_id, {}),
        value=None if found.value_blob is None else copied_payload(value),
        inputs=_inputs(found, source),
        value_extension="" if found.value_blob is None else found.value_blob.key[64:],
    )


def _inputs(record: ArtifactRecord, source: BaseRepo) -> Payload | None:
    if record.inputs_blob is None:
        return None  # they are in the record
    try:
        return copied_payload(source.inputs_source(record))
    except (BlobNotFoundError, BlobCorruptError):
        return None  # the value can do without them, and nothing could bring them back


def copied_payload(source: bytes | Path) -> Payload:
    """Stored bytes, or the file they are in, as a payload."""
    return FileContent(source) if isinstance(source, Path) else Buffers((source,))
