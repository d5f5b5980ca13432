"""Load artifacts and sets from the default repo, and save sets in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from provenance import state
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike
from provenance.artifacts.labels import Labels
from provenance.artifacts.sets import ArtifactSet
from provenance.repos.base import BaseRepo
from provenance.repos.capture import note_use

if TYPE_CHECKING:
    from provenance.artifacts.proxy import ArtifactProxy


def load_artifact(artifact_id: ArtifactLike) -> Artifact:
    """Return the artifact with this id from the default repo.

    Raises
    ------
    InvalidIdError
        What was given cannot be an artifact id.
    ArtifactNotFoundError
        The default repo has no such artifact.
    """
    artifact = _default_repo().get_by_id(artifact_id)
    note_use(artifact)
    return artifact


def load_proxy(artifact_id: ArtifactLike) -> ArtifactProxy:
    """Return a proxy of the artifact with this id from the default repo.

    The value is loaded when it is first used. Raises what `load_artifact` raises.
    """
    return load_artifact(artifact_id).proxy()


def load_set_by_id(set_id: object) -> ArtifactSet:
    """Return the artifact set with this id from the default repo, with the labels it was last saved under.

    Raises
    ------
    InvalidIdError
        What was given cannot be a set id.
    SetNotFoundError
        The default repo has no such set.
    """
    return _default_repo().get_set_by_id(set_id)


def load_set_by_labels(labels: Labels) -> ArtifactSet:
    """Return the set most recently saved in the default repo under labels that contain these.

    Parameters
    ----------
    labels : str or mapping
        A string means ``{'name': string}``.

    Raises
    ------
    InvalidLabelsError
        The labels are not JSON.
    SetNotFoundError
        No set was saved under such labels.
    """
    return _default_repo().get_set_by_labels(labels)


def load_set_by_name(set_name: str) -> ArtifactSet:
    """Return the set most recently saved in the default repo under this name; see `load_set_by_labels`."""
    return load_set_by_labels({"name": set_name})


def _default_repo() -> BaseRepo:
    """The repo in force, with the methods that are there for people."""
    return cast("BaseRepo", state.default_repo())


def create_set(artifact_ids: Iterable[ArtifactLike], labels: Labels | None = None) -> ArtifactSet:
    """Save a set of artifacts in the default repo and return it.

    Parameters
    ----------
    artifact_ids : iterable
        Ids, artifacts or proxies. They may lie in any configured repo.
    labels : str or mapping, optional
        A string means ``{'name': string}``.

    Raises
    ------
    ArtifactNotFoundError
        A member is in no configured repo.
    InvalidLabelsError
        The labels are not JSON.
    """
    return ArtifactSet(artifact_ids, labels).put()


def label_set(artifact_set_or_id: ArtifactSet | str, labels: Labels) -> ArtifactSet:
    """Save a set again under other labels and return it; it becomes the latest set under them.

    Parameters
    ----------
    artifact_set_or_id : ArtifactSet or str
        A set, or the id of one in the default repo.
    labels : str or mapping
        A string means ``{'name': string}``.
    """
    given = artifact_set_or_id
    artifact_set = given if isinstance(given, ArtifactSet) else load_set_by_id(given)
    return artifact_set.relabel(labels).put()
