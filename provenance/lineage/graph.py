"""The artifacts behind an artifact, and how they refer to each other."""

from __future__ import annotations

from dataclasses import dataclass

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike
from provenance.artifacts.sets import ArtifactSet
from provenance.lineage.walk import repos_near, require_known, root_ids, topological, walk
from provenance.types import ArtifactId, InputEdge


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
    """Return every artifact behind this one, itself last; `progeny` gives what was made with it.

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
    roots = root_ids(artifact_or_id)
    repos = repos_near(artifact_or_id)
    unknown: set[ArtifactId] = set()
    found = {artifact.id: artifact for artifact in walk(roots, repos, unknown)}
    require_known(unknown, repos)
    references = {key: tuple(edge.artifact_id for edge in artifact.record.edges) for key, artifact in found.items()}
    ordered = topological(references, roots)
    edges = tuple((key, edge) for key in ordered for edge in found[key].record.edges)
    return LineageGraph(tuple(found[key] for key in ordered), edges)
