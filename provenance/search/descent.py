"""What was made with an artifact: the way that `dependencies` goes, backwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from provenance import state
from provenance.artifacts.artifact import Artifact, find_artifact
from provenance.artifacts.found_rows import ArtifactRow
from provenance.artifacts.ids import ArtifactLike, artifact_ids_of, is_proxy
from provenance.repos.base import BaseRepo
from provenance.types import ArtifactId, Repo

if TYPE_CHECKING:
    from provenance.artifacts.proxy import ArtifactProxy


def progeny(artifact_or_id: ArtifactLike | Iterable[ArtifactLike]) -> list[Artifact]:
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
    near = _near(artifact_or_id)
    found = {key: find_artifact(key, near) for key in artifact_ids_of(artifact_or_id)}
    repos = _repos(found.values())
    fresh = set(found)
    while fresh:
        below = {key for repo in repos for key in repo.downstream(fresh)} - found.keys()
        for repo in repos:
            records = repo.find_records(sorted(below - found.keys()))
            found.update({key: Artifact(record, repo) for key, record in records.items()})
        fresh = below & found.keys()
    return [found[key] for key in _topological(found)]


def _near(given: object) -> Repo | None:
    """The repo that what is given lies in, if it has one."""
    if is_proxy(given):
        return cast("ArtifactProxy", given).artifact.repo
    return given.repo if isinstance(given, Artifact | ArtifactRow) else None


def _repos(artifacts: Iterable[Artifact]) -> list[BaseRepo]:
    """The repos that they lie in, then the others in reach."""
    repos: dict[int, Repo] = {id(artifact.repo): artifact.repo for artifact in artifacts}
    repos.update({id(repo): repo for repo in state.known_repos()})
    return [cast("BaseRepo", repo) for repo in repos.values()]


def _topological(found: Mapping[ArtifactId, Artifact]) -> Iterator[ArtifactId]:
    """Ids in an order in which references come first; depth first, without recursion."""
    done: set[ArtifactId] = set()
    entered: set[ArtifactId] = set()
    for root in found:
        stack = [root]
        while stack:
            key = stack[-1]
            if key in entered:
                stack.pop()
                if key not in done:
                    done.add(key)
                    yield key
                continue
            entered.add(key)
            references = (edge.artifact_id for edge in found[key].record.edges)
            stack.extend(key for key in references if key in found and key not in entered)
