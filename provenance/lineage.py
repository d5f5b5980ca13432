"""Where results come from: the artifacts behind an artifact, as a list, a graph, or on their way to another repo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from provenance import state
from provenance.artifacts.artifact import Artifact, find_artifact
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, artifact_ids_of, is_proxy
from provenance.artifacts.sets import ArtifactSet
from provenance.errors import ArtifactNotFoundError
from provenance.repos.base import BaseRepo
from provenance.types import ArtifactId, ArtifactRecord, InputEdge, Repo


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """Artifacts and how they refer to each other.

    Attributes
    ----------
    artifacts : tuple of Artifact
        In topological order: what an artifact refers to comes before it.
    edges : tuple of (ArtifactId, InputEdge)
        The id of the artifact that refers, and the reference.
    """

    artifacts: tuple[Artifact, ...]
    edges: tuple[tuple[ArtifactId, InputEdge], ...]


def dependencies(artifact_or_id: ArtifactLike | ArtifactSet) -> list[Artifact]:
    """Return every artifact behind this one, itself last.

    Followed are inputs, artifacts inside values, and calls made by the functions.

    Parameters
    ----------
    artifact_or_id : Artifact, ArtifactProxy, ArtifactSet or str
        Where to start; a string is an artifact id.

    Returns
    -------
    list of Artifact
        In topological order: an artifact comes after everything it refers to.

    Raises
    ------
    ArtifactNotFoundError
        An artifact on the way is in no configured repo.
    """
    return list(lineage_graph(artifact_or_id).artifacts)


def lineage_graph(artifact_or_id: ArtifactLike | ArtifactSet) -> LineageGraph:
    """Return `dependencies` as a graph. Takes and raises what `dependencies` does."""
    found = _collect(artifact_or_id)
    ordered = _topological(found, _root_ids(artifact_or_id))
    edges = tuple((key, edge) for key in ordered for edge in found[key].record.edges)
    return LineageGraph(tuple(found[key] for key in ordered), edges)


def promote(
    artifact_or_id: ArtifactLike | ArtifactSet, to_repo: Repo | str, from_repo: Repo | str | None = None
) -> object:
    """Copy an artifact, and everything behind it, into another repo.

    Bytes and metadata are copied as they are; nothing is unpickled. What the other repo has already is left
    alone, so that a promotion that was interrupted goes on where it stopped. An artifact is copied after
    everything it refers to.

    Parameters
    ----------
    artifact_or_id : Artifact, ArtifactProxy, ArtifactSet or str
        What to copy; a string is an artifact id. The set is saved in the other repo too.
    to_repo : Repo or str
        Where to; a name means the configured repo of that name.
    from_repo : Repo or str, optional
        Where from; if not given, wherever the artifact lies.

    Returns
    -------
    Artifact or ArtifactSet
        What was promoted, as it lies in the other repo.

    Raises
    ------
    ArtifactNotFoundError
        The artifact, or one behind it, is not where it should come from.
    PermissionDeniedError
        The other repo may not be written.
    """
    target = state.resolve_repo(to_repo)
    source = None if from_repo is None else state.resolve_repo(from_repo)
    found = _collect(artifact_or_id, source)
    stored = target.find_records(list(found))
    for key in _topological(found, _root_ids(artifact_or_id)):
        record = stored.get(key)
        if record is None or not target.has_value(record):
            _put(target, found[key])
    if isinstance(artifact_or_id, ArtifactSet):
        return ArtifactSet.from_record(target.save_set(artifact_or_id.to_record()))
    key = artifact_id_of(artifact_or_id)
    return Artifact(target.find_records([key])[key], target)


def _put(target: Repo, artifact: Artifact) -> None:
    assert isinstance(target, BaseRepo)  # noqa: S101  every repo is built on the base
    target.put(artifact)


def _root_ids(start: ArtifactLike | ArtifactSet) -> list[ArtifactId]:
    return sorted(start.artifact_ids) if isinstance(start, ArtifactSet) else artifact_ids_of(start)


def _collect(start: ArtifactLike | ArtifactSet, source: Repo | None = None) -> dict[ArtifactId, Artifact]:
    """All artifacts reachable from `start`; one batched look-up for each level."""
    repos = (source,) if source is not None else _repos_near(start)
    found: dict[ArtifactId, Artifact] = {}
    wanted = dict.fromkeys(_root_ids(start))
    while wanted:
        level = _load(wanted, repos)
        found.update(level)
        references = (edge.artifact_id for artifact in level.values() for edge in artifact.record.edges)
        wanted = dict.fromkeys(key for key in references if key not in found)
    return found


def _repos_near(start: ArtifactLike | ArtifactSet) -> tuple[Repo, ...]:
    """The repo that `start` lies in, then the others in reach."""
    if is_proxy(start):
        return cast("Any", start).artifact.repo, *state.known_repos()
    if isinstance(start, Artifact):
        return start.repo, *state.known_repos()
    if isinstance(start, str):
        return find_artifact(artifact_id_of(start)).repo, *state.known_repos()
    return state.known_repos()


def _load(wanted: Iterable[ArtifactId], repos: tuple[Repo, ...]) -> dict[ArtifactId, Artifact]:
    missing = list(wanted)
    found: dict[ArtifactId, Artifact] = {}
    for repo in repos:
        records: dict[ArtifactId, ArtifactRecord] = repo.find_records(missing)
        found.update({key: Artifact(record, repo) for key, record in records.items()})
        missing = [key for key in missing if key not in found]
        if not missing:
            return found
    names = ", ".join(dict.fromkeys(repr(repo.name) for repo in repos))
    msg = f"{len(missing)} artifacts of the lineage are in none of the repos {names}: {', '.join(missing[:5])}"
    raise ArtifactNotFoundError(msg)


def _topological(found: dict[ArtifactId, Artifact], roots: list[ArtifactId]) -> list[ArtifactId]:
    """Ids ordered so that references come first; depth first, without recursion."""
    ordered: dict[ArtifactId, None] = {}
    entered: set[ArtifactId] = set()
    stack = list(reversed(roots))
    while stack:
        key = stack[-1]
        if key in entered:
            stack.pop()
            ordered.setdefault(key)
            continue
        entered.add(key)
        references = dict.fromkeys(edge.artifact_id for edge in found[key].record.edges)
        stack.extend(reference for reference in reversed(references) if reference not in entered)
    return list(ordered)
