"""What was made with an artifact: the way that `dependencies` goes, backwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike
from provenance.artifacts.sets import ArtifactSet
from provenance.errors import ArtifactNotFoundError
from provenance.lineage.walk import repos_near, root_ids, topological
from provenance.repos.base import BaseRepo
from provenance.types import ArtifactId


def progeny(artifact_or_id: ArtifactLike | ArtifactSet | Iterable[ArtifactLike]) -> list[Artifact]:
    """Return everything that was made with an artifact, itself first; the counterpart of `dependencies`.

    Followed are uses as an input or inside of one, values that refer to it, and functions that called its function, in
    every configured repo, also where the lineage goes from one repo to another.

    Parameters
    ----------
    artifact_or_id : str, Artifact, ArtifactRow, ArtifactProxy, ArtifactSet or iterable
        Where to start; a string is an artifact id.

    Returns
    -------
    list of Artifact
        In topological order: an artifact comes after everything it refers to.

    Raises
    ------
    InvalidIdError
        What was given cannot be an artifact id.
    ArtifactNotFoundError
        An artifact to start with is in no configured repo.
    """
    roots = root_ids(artifact_or_id)
    repos = [cast("BaseRepo", repo) for repo in repos_near(artifact_or_id)]
    found = _found(roots, repos)
    missing = [key for key in roots if key not in found]
    if missing:
        msg = f"no artifact {', '.join(missing[:5])} in any configured repo; configure the one it was stored in"
        raise ArtifactNotFoundError(msg)
    fresh = set(found)
    while fresh:
        below = {key for repo in repos for key in repo.downstream(fresh)} - found.keys()
        level = _found(sorted(below), repos)
        found.update(level)
        fresh = set(level)
    references = {
        key: [edge.artifact_id for edge in artifact.record.edges if edge.artifact_id in found]
        for key, artifact in found.items()
    }
    return [found[key] for key in topological(references, found)]


def _found(keys: Iterable[ArtifactId], repos: Iterable[BaseRepo]) -> dict[ArtifactId, Artifact]:
    """Each artifact from the first repo that has it."""
    found: dict[ArtifactId, Artifact] = {}
    missing = list(keys)
    for repo in repos:
        found.update({key: Artifact(record, repo) for key, record in repo.find_records(missing).items()})
        missing = [key for key in missing if key not in found]
    return found
