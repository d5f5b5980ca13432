"""Capture the artifacts that a block of code uses as a set."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance import state
from provenance._util.callers import caller_level
from provenance._util.deferred import Deferred
from provenance.artifacts.artifact import Artifact
from provenance.errors import IncompleteSetWarning
from provenance.repos.parts import parts_of
from provenance.types import ArtifactId, ArtifactRecord

if TYPE_CHECKING:
    import inspect

    from provenance.artifacts import labels as artifact_labels
    from provenance.artifacts import sets as artifact_sets
    from provenance.artifacts.labels import Labels
    from provenance.artifacts.sets import ArtifactSet
else:
    inspect = Deferred("inspect")
    artifact_labels = Deferred("provenance.artifacts.labels")
    artifact_sets = Deferred("provenance.artifacts.sets")


class Later(NamedTuple):
    """Finds out, when a block ends, what was used by work that was only handed out in it.

    Attributes
    ----------
    find : callable
        The artifacts that the work has used so far.
    settle : callable
        Those that it has used when it is done, which is waited for; and what is to be said of work that is not done.
    """

    find: Callable[[Collection[Any]], Iterable[Artifact]]
    settle: Callable[[Collection[Any]], tuple[Iterable[Artifact], str | None]]


class HandedOut(dict[Later, dict[Any, None]]):
    """Work that was handed out in a block, by what finds out what it used."""

    def add(self, later: Later, work: Iterable[Any]) -> None:
        """Add work, each piece once."""
        self.setdefault(later, {}).update(dict.fromkeys(work))

    def found(self) -> list[Artifact]:
        """What it has used so far."""
        return [artifact for later, work in self.items() for artifact in later.find(work)]

    def settled(self) -> list[Artifact]:
        """What it has used when it is done; a warning says what cannot be waited for."""
        used: list[Artifact] = []
        for later, work in self.items():
            found, problem = later.settle(work)
            used.extend(found)
            if problem is not None:
                _warn(problem)
        return used


class Capture:
    """What is used inside a block: artifacts, and work that was handed out."""

    __slots__ = ("handed_out", "used")

    def __init__(self) -> None:
        self.used: set[ArtifactId] = set()
        self.handed_out = HandedOut()

    def ids(self) -> frozenset[ArtifactId]:
        """The artifacts that were used so far, with their parts."""
        return with_parts(self.used.union(artifact.id for artifact in self.handed_out.found()))[0]

    def settled_ids(self) -> frozenset[ArtifactId]:
        """The artifacts that were used, with their parts, when all work is done; a warning says what is missing."""
        found, deleted = with_parts(self.used.union(artifact.id for artifact in self.handed_out.settled()))
        if deleted:
            shown = ", ".join(sorted(deleted)[:5])
            _warn(
                f"{len(deleted)} artifacts that belong to what was reused in this block, as nested calls or as members "
                f"of composites, were deleted, so they are not counted: {shown}; delete what they belong to as well, "
                "and all of it is computed again"
            )
        return found


def _warn(problem: str) -> None:
    warnings.warn(problem, IncompleteSetWarning, stacklevel=caller_level())


_captures: ContextVar[tuple[Capture, ...]] = ContextVar("provenance_captures", default=())


@contextmanager
def capturing() -> Iterator[Capture]:
    """Capture what is used inside of a ``with`` block."""
    capture = Capture()
    token = _captures.set((*_captures.get(), capture))
    try:
        yield capture
    finally:
        _captures.reset(token)


class CapturedSet(list["ArtifactSet"]):
    """What `capture_set` yields: a list that holds the set once the block is over."""

    @property
    def artifact_set(self) -> ArtifactSet | None:
        """The captured set; None while the block runs, or if it raised."""
        return self[0] if self else None


def note_use(artifact: Artifact) -> None:
    """Count an artifact as used by every capture around the running code."""
    for capture in _captures.get():
        if artifact.is_recorded:
            capture.used.add(artifact.id)


def note_later(later: Later, work: Collection[Any]) -> None:
    """Let every capture around the running code count what is used by work that is only handed out here."""
    for capture in _captures.get():
        capture.handed_out.add(later, work)


def is_capturing() -> bool:
    """Whether any capture is around the running code."""
    return bool(_captures.get())


@contextmanager
def capture_set(
    labels: Labels | None = None, initial_set: ArtifactSet | Iterable[object] | None = None
) -> Iterator[CapturedSet]:
    """Capture every artifact used inside a ``with`` block as an artifact set.

    Counted are the results of all decorated functions called in the block's context, computed or reused and
    whatever repo they use, with the calls nested in them and the members of composites; and what `load_proxy`
    and `load_artifact` return. The set is the same whether the results were computed or reused. It is saved in
    the default repo when the block ends; if the block raises, nothing is saved. A capture inside another one
    counts for both. Code in ``asyncio`` tasks and ``asyncio.to_thread`` is seen; a thread started by other
    means has a context of its own.

    Parameters
    ----------
    labels : str or mapping, optional
        Labels of the set; a string means ``{'name': string}``.
    initial_set : ArtifactSet or iterable, optional
        Members the set has from the start.

    Yields
    ------
    CapturedSet
        A list that holds the `ArtifactSet` after the block: ``captured[0]`` or ``captured.artifact_set``.

    Raises
    ------
    InvalidLabelsError
        The labels are not JSON; raised before the block runs.
    """
    normalized = artifact_labels.normalize_labels(labels)
    initial = frozenset() if initial_set is None else artifact_sets.ArtifactSet(initial_set).artifact_ids
    result = CapturedSet()
    with capturing() as capture:
        yield result
    result.append(artifact_sets.ArtifactSet(initial | capture.settled_ids(), normalized).put())


def provenance_set(
    set_labels: Labels | None = None,
    initial_set: ArtifactSet | Iterable[object] | None = None,
    set_labels_fn: Callable[..., Labels] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function so that calling it returns the set of the artifacts it used.

    Parameters
    ----------
    set_labels : str or mapping, optional
        Labels of the set; a string means ``{'name': string}``.
    initial_set : ArtifactSet or iterable, optional
        Members the set has from the start.
    set_labels_fn : callable, optional
        Gets the arguments of each call and returns the labels of its set; used in place of `set_labels`.

    Returns
    -------
    callable
        A decorator. The decorated function returns an `ArtifactSet`; what the function itself returned is
        dropped. A coroutine function stays one.
    """

    def labels_for(args: tuple[object, ...], kwargs: dict[str, object]) -> Labels | None:
        return set_labels if set_labels_fn is None else set_labels_fn(*args, **kwargs)

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        def captured(*args: object, **kwargs: object) -> ArtifactSet:
            with capture_set(labels_for(args, kwargs), initial_set) as result:
                fn(*args, **kwargs)
            return result[0]

        @functools.wraps(fn)
        async def captured_async(*args: object, **kwargs: object) -> ArtifactSet:
            with capture_set(labels_for(args, kwargs), initial_set) as result:
                await fn(*args, **kwargs)
            return result[0]

        return captured_async if inspect.iscoroutinefunction(fn) else captured

    return decorate


def with_parts(artifact_ids: Iterable[ArtifactId]) -> tuple[frozenset[ArtifactId], set[ArtifactId]]:
    """These artifacts with calls nested in them and the members of composites, at any depth, and what is gone of it."""
    found = set(artifact_ids)
    gone: set[ArtifactId] = set()
    fresh = set(found)
    while fresh:
        records = _records(fresh)
        gone |= fresh - found - records.keys()
        found |= records.keys()
        fresh = {part for record in records.values() for part in parts_of(record)} - found - gone
    return frozenset(found), gone


def _records(artifact_ids: set[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
    records: dict[ArtifactId, ArtifactRecord] = {}
    for repo in state.known_repos():
        missing = artifact_ids.difference(records)
        if not missing:
            break
        records.update(repo.find_records(missing))
    return records
