"""Find the artifact an id stands for: what proxies inside stored and transported values are resolved by."""

from __future__ import annotations

from contextvars import ContextVar

from provenance import state
from provenance.artifacts.artifact import Artifact
from provenance.errors import ArtifactNotFoundError
from provenance.types import ArtifactId, Repo

_reading: ContextVar[Repo | None] = ContextVar("provenance_reading", default=None)


class reading_from:  # noqa: N801  reads as a statement: with reading_from(repo)
    """Resolve references inside a value in the repo that the value is being read from."""

    __slots__ = ("_repo", "_token")

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def __enter__(self) -> None:
        self._token = _reading.set(self._repo)

    def __exit__(self, *exc_info: object) -> None:
        _reading.reset(self._token)


def reading_repo() -> Repo | None:
    """The repo a value is being read from, if one is."""
    return _reading.get()


def find_artifact(artifact_id: ArtifactId, near: Repo | None = None, repo_name: str | None = None) -> Artifact:
    """The artifact with this id, from the first repo that has it.

    Asked in order: the repo at hand, the repo of that name, the repo in force, every other configured one.

    Raises
    ------
    ArtifactNotFoundError
        None of them has it.
    """
    if near is not None and (record := near.find_records([artifact_id]).get(artifact_id)):
        return Artifact(record, near)
    for repo in sorted(state.known_repos(), key=lambda repo: repo.name != repo_name):
        if record := repo.find_records([artifact_id]).get(artifact_id):
            return Artifact(record, repo)
    names = ", ".join(repr(repo.name) for repo in state.known_repos())
    msg = (
        f"no artifact {artifact_id} in any configured repo ({names}); "
        "configure the repo it was stored in, or compute it again"
    )
    raise ArtifactNotFoundError(msg)


def restore_artifact(artifact_id: ArtifactId, repo_name: str | None) -> Artifact:
    """Unpickle an artifact from its id."""
    return find_artifact(artifact_id, reading_repo(), repo_name)
