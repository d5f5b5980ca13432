"""From an artifact to everything behind it, level by level."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar, cast

from provenance import state
from provenance.artifacts.artifact import Artifact, find_artifact
from provenance.artifacts.found_rows import ArtifactRow
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, artifact_ids_of, is_proxy
from provenance.artifacts.proxy import ArtifactProxy
from provenance.artifacts.sets import ArtifactSet
from provenance.errors import ArtifactNotFoundError
from provenance.types import ArtifactId, Repo

T = TypeVar("T")

LOOKED_UP_AT_ONCE = 2_000
"""How many artifacts one query looks up. With their rows come small values, which should not all be in memory."""


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of that size; the last one may be shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def root_ids(start: ArtifactLike | ArtifactSet) -> list[ArtifactId]:
    """The ids of what to start from."""
    return sorted(start.artifact_ids) if isinstance(start, ArtifactSet) else artifact_ids_of(start)


def repos_near(start: ArtifactLike | ArtifactSet) -> tuple[Repo, ...]:
    """The repos that what is given lies in, then the others in reach."""
    if isinstance(start, ArtifactSet):
        return state.known_repos()
    given = start if isinstance(start, Collection) and not (isinstance(start, str) or is_proxy(start)) else (start,)
    own = {id(repo): repo for repo in map(_own_repo, given) if repo is not None}
    if not own and isinstance(start, str):
        repo = find_artifact(artifact_id_of(start)).repo
        own[id(repo)] = repo
    return tuple({**own, **{id(repo): repo for repo in state.known_repos()}}.values())


def _own_repo(given: object) -> Repo | None:
    artifact = cast("ArtifactProxy", given).artifact if is_proxy(given) else given
    return artifact.repo if isinstance(artifact, Artifact | ArtifactRow) else None


def walk(roots: Iterable[ArtifactId], repos: Sequence[Repo], unknown: set[ArtifactId]) -> Iterator[Artifact]:
    """Everything reachable from these artifacts, themselves too; each from the first repo that has it.

    What is in none of the repos is added to `unknown`.
    """
    wanted = dict.fromkeys(roots)
    seen = set(wanted)
    while wanted:
        level, wanted = wanted, {}
        for batch in batches(level, LOOKED_UP_AT_ONCE):
            for artifact in _load(batch, repos, unknown):
                yield artifact
                references = (edge.artifact_id for edge in artifact.record.edges)
                fresh = dict.fromkeys(key for key in references if key not in seen)
                seen.update(fresh)
                wanted.update(fresh)


def _load(wanted: list[ArtifactId], repos: Sequence[Repo], unknown: set[ArtifactId]) -> Iterator[Artifact]:
    missing = wanted
    for repo in repos:
        records = repo.find_records(missing)
        for record in records.values():
            yield Artifact(record, repo)
        missing = [key for key in missing if key not in records]
        if not missing:
            return
    unknown.update(missing)


def require_known(unknown: Collection[ArtifactId], repos: Sequence[Repo]) -> None:
    """Refuse a lineage that is not complete.

    Raises
    ------
    ArtifactNotFoundError
        There are artifacts that are in none of the repos.
    """
    if unknown:
        names = ", ".join(dict.fromkeys(repr(repo.name) for repo in repos))
        shown = ", ".join(sorted(unknown)[:5])
        msg = f"{len(unknown)} artifacts of the lineage are in none of the repos {names}: {shown}"
        raise ArtifactNotFoundError(msg)


def topological(references: Mapping[ArtifactId, Sequence[ArtifactId]], roots: Iterable[ArtifactId]) -> list[ArtifactId]:
    """Ids ordered so that references come first, those of unknown artifacts too; depth first, without recursion."""
    ordered: dict[ArtifactId, None] = {}
    entered: set[ArtifactId] = set()
    stack = list(roots)[::-1]
    while stack:
        key = stack[-1]
        if key in entered:
            stack.pop()
            ordered.setdefault(key)
            continue
        entered.add(key)
        fresh = dict.fromkeys(references.get(key, ()))
        stack.extend(reference for reference in reversed(fresh) if reference not in entered)
    return list(ordered)
