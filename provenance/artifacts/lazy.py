"""Dicts whose values are made when they are first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from provenance.artifacts.artifact import Artifact, find_artifact
from provenance.artifacts.ids import ArtifactLike, artifact_id_of, is_proxy
from provenance.errors import InvalidInputsError

T = TypeVar("T")


class LazyDict(Mapping[str, T]):
    """A read-only mapping that calls a value's function once, when the value is first asked for.

    Use `lazy_dict` or `lazy_proxy_dict` to make one. Equal to any mapping with equal items.
    """

    __slots__ = ("_lock", "_thunks", "_values")

    def __init__(self, thunks: Mapping[str, Callable[[], T]]) -> None:
        self._thunks = dict(thunks)
        self._values: dict[str, T] = {}
        self._lock = threading.RLock()

    def __getitem__(self, key: str) -> T:
        with self._lock:
            if key not in self._values:
                self._values[key] = self._thunks[key]()
            return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._thunks)

    def __len__(self) -> int:
        return len(self._thunks)

    def __contains__(self, key: object) -> bool:
        return key in self._thunks

    def value_repr(self) -> dict[str, T]:
        """What its hash is made of: all items."""
        return dict(self)

    def __reduce__(self) -> tuple[object, ...]:
        return _realized, (dict(self),)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key!r}: {self._values[key]!r}" if key in self._values else f"{key!r}: …" for key in self)
        return f"lazy_dict({{{shown}}})"


class _Constant:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __call__(self) -> object:
        return self.value


def _realized(items: dict[str, object]) -> LazyDict[object]:
    return LazyDict({key: _Constant(value) for key, value in items.items()})


def lazy_dict(thunks: Mapping[str, Callable[[], T]]) -> LazyDict[T]:
    """Return a mapping that calls each function once, when its key is first asked for.

    Parameters
    ----------
    thunks : mapping
        Functions without parameters by key.
    """
    return LazyDict(thunks)


def lazy_proxy_dict(
    artifacts_or_ids: Iterable[ArtifactLike],
    group_artifacts_of_same_name: bool = False,  # noqa: FBT001, FBT002  the published signature
) -> LazyDict[object]:
    """Return a mapping from artifact names to proxies that are made when they are asked for.

    Parameters
    ----------
    artifacts_or_ids : iterable
        Artifacts, proxies or artifact ids.
    group_artifacts_of_same_name : bool
        When True every value is a list of the proxies with that name.

    Raises
    ------
    InvalidInputsError
        Two artifacts have the same name and grouping is off.
    ArtifactNotFoundError
        An id is in no configured repo.
    """
    groups: dict[str, list[Artifact]] = {}
    for item in artifacts_or_ids:
        artifact = _artifact_of(item)
        groups.setdefault(artifact.name, []).append(artifact)
    if group_artifacts_of_same_name:
        return LazyDict({name: _proxies_of(group) for name, group in groups.items()})
    doubles = sorted(name for name, group in groups.items() if len(group) > 1)
    if doubles:
        msg = (
            f"several artifacts are named {', '.join(map(repr, doubles))}; "
            "pass group_artifacts_of_same_name=True to get a list of proxies for each name"
        )
        raise InvalidInputsError(msg)
    return LazyDict({name: group[0].proxy for name, group in groups.items()})


def _proxies_of(group: list[Artifact]) -> Callable[[], object]:
    return lambda: [artifact.proxy() for artifact in group]


def _artifact_of(item: ArtifactLike) -> Artifact:
    if is_proxy(item):
        return item.artifact  # type: ignore[attr-defined,no-any-return]
    return item if isinstance(item, Artifact) else find_artifact(artifact_id_of(item))
