"""Artifact sets: immutable, labelled sets of artifact ids with set algebra."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance import state
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, artifact_ids_of
from provenance.artifacts.labels import Labels, normalize_labels
from provenance.artifacts.lazy import LazyDict, lazy_proxy_dict
from provenance.errors import ArtifactNotFoundError, InvalidIdError
from provenance.hashing import key_of
from provenance.types import JSON, ArtifactId, Repo, SetId, SetRecord

if TYPE_CHECKING:
    from datetime import datetime


def set_id_for(artifact_ids: Iterable[ArtifactId]) -> SetId:
    """The id of the set with these members."""
    return SetId(key_of("provenance.ArtifactSet", tuple(sorted(artifact_ids))))


@dataclass(frozen=True, slots=True, eq=False, init=False)
class ArtifactSet:
    """An immutable set of artifact ids, with labels it can be found by.

    Iterating gives ids. Every method takes ids, artifacts or proxies. Set algebra, `add` and `remove` give a
    new set without labels unless labels are given; nothing is stored before `put`.

    Parameters
    ----------
    artifact_ids : iterable
        Ids, artifacts or proxies.
    labels : str or mapping, optional
        A string means ``{'name': string}``.
    """

    artifact_ids: frozenset[ArtifactId]
    labels: Mapping[str, JSON] | None
    id: SetId
    created_at: datetime | None = field(compare=False)

    def __init__(self, artifact_ids: Iterable[ArtifactLike], labels: Labels | None = None) -> None:
        ids = frozenset(artifact_ids_of(artifact_ids))
        self._fill(SetRecord(id=set_id_for(ids), artifact_ids=ids, labels=normalize_labels(labels)))

    def _fill(self, record: SetRecord) -> None:
        for name in ("artifact_ids", "labels", "id", "created_at"):
            object.__setattr__(self, name, getattr(record, name))

    @classmethod
    def from_record(cls, record: SetRecord) -> ArtifactSet:
        """The set a stored record describes."""
        made = cls.__new__(cls)
        made._fill(record)  # noqa: SLF001  the other way to construct one
        return made

    def to_record(self) -> SetRecord:
        """The record of this set."""
        return SetRecord(id=self.id, artifact_ids=self.artifact_ids, labels=self.labels, created_at=self.created_at)

    @property
    def name(self) -> str | None:
        """The ``name`` among the labels, if it is a string."""
        name = (self.labels or {}).get("name")
        return name if isinstance(name, str) else None

    def add(self, artifacts: ArtifactLike | Iterable[ArtifactLike], labels: Labels | None = None) -> ArtifactSet:
        """Return a set that also has these members."""
        return ArtifactSet(self.artifact_ids.union(artifact_ids_of(artifacts)), labels)

    def remove(self, artifacts: ArtifactLike | Iterable[ArtifactLike], labels: Labels | None = None) -> ArtifactSet:
        """Return a set without these members.

        Raises
        ------
        ArtifactNotFoundError
            One of them is no member.
        """
        ids = frozenset(artifact_ids_of(artifacts))
        absent = sorted(ids - self.artifact_ids)
        if absent:
            msg = f"cannot remove what is not in set {self.id}: {', '.join(absent[:5])}"
            raise ArtifactNotFoundError(msg)
        return ArtifactSet(self.artifact_ids - ids, labels)

    def union(self, *others: Iterable[ArtifactLike], labels: Labels | None = None) -> ArtifactSet:
        """Return the set of all members of this set and the others."""
        return ArtifactSet(self.artifact_ids.union(*map(artifact_ids_of, others)), labels)

    def difference(self, *others: Iterable[ArtifactLike], labels: Labels | None = None) -> ArtifactSet:
        """Return the set of the members that are in none of the others."""
        return ArtifactSet(self.artifact_ids.difference(*map(artifact_ids_of, others)), labels)

    def intersection(self, *others: Iterable[ArtifactLike], labels: Labels | None = None) -> ArtifactSet:
        """Return the set of the members that are in all the others too."""
        return ArtifactSet(self.artifact_ids.intersection(*map(artifact_ids_of, others)), labels)

    def __or__(self, other: object) -> ArtifactSet:
        return self.union(other) if isinstance(other, ArtifactSet) else NotImplemented

    def __sub__(self, other: object) -> ArtifactSet:
        return self.difference(other) if isinstance(other, ArtifactSet) else NotImplemented

    def __and__(self, other: object) -> ArtifactSet:
        return self.intersection(other) if isinstance(other, ArtifactSet) else NotImplemented

    def relabel(self, labels: Labels | None) -> ArtifactSet:
        """Return the same set with other labels."""
        return ArtifactSet(self.artifact_ids, labels)

    def rename(self, name: str) -> ArtifactSet:
        """Return the same set with another ``name`` among its labels."""
        return self.relabel({**(self.labels or {}), "name": name})

    def put(self, repo: Repo | str | None = None) -> ArtifactSet:
        """Store the set, in the default repo unless another is given.

        With labels it becomes the latest set under them, also when it was stored before.

        Raises
        ------
        ArtifactNotFoundError
            A member is in no configured repo.
        """
        target = state.default_repo() if repo is None else state.resolve_repo(repo)
        require_members(self.artifact_ids, target)
        return ArtifactSet.from_record(target.save_set(self.to_record()))

    def proxy_dict(self, group_artifacts_of_same_name: bool = False) -> LazyDict[object]:  # noqa: FBT001, FBT002
        """Return a lazy mapping from the members' names to proxies; see `lazy_proxy_dict`."""
        return lazy_proxy_dict(sorted(self.artifact_ids), group_artifacts_of_same_name)

    def __iter__(self) -> Iterator[ArtifactId]:
        return iter(sorted(self.artifact_ids))

    def __len__(self) -> int:
        return len(self.artifact_ids)

    def __contains__(self, item: object) -> bool:
        try:
            return artifact_id_of(item) in self.artifact_ids
        except InvalidIdError:
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArtifactSet) and (self.id, self.labels) == (other.id, other.labels)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<ArtifactSet {self.id[:12]} of {len(self)} labels={self.labels!r}>"


def require_members(artifact_ids: frozenset[ArtifactId], target: Repo) -> None:
    """Refuse a set whose members are not all stored in some configured repo."""
    missing = set(artifact_ids)
    for repo in (target, *state.known_repos()):
        if not missing:
            return
        missing.difference_update(repo.find_records(missing))
    if missing:
        names = ", ".join(sorted(missing)[:5])
        msg = f"{len(missing)} members of the set are in no configured repo: {names}; store or promote them first"
        raise ArtifactNotFoundError(msg)
