"""Histories of labels: which set was saved under which labels, and when; and how two of them become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import TypeAlias

from provenance.repos.json_fields import dump_json, label_items
from provenance.types import JSON, SetId


@dataclass(frozen=True, slots=True)
class Labelling:
    """That a set was saved under some labels."""

    set_id: SetId
    labels: Mapping[str, JSON]
    saved_at: datetime

    @property
    def key(self) -> tuple[SetId, str, datetime]:
        """The same for the same event in two repos."""
        return self.set_id, dump_json(self.labels), self.saved_at


History: TypeAlias = Sequence[Labelling]
"""Events in the order in which a repo has them, the last one being the latest."""
Arrange: TypeAlias = Callable[[History], History]
"""Makes the history that a repo should have of the one it has."""


def with_labels(history: History, wanted: Mapping[str, JSON]) -> list[Labelling]:
    """The events under labels that contain these."""
    items = label_items(wanted)
    return [labelling for labelling in history if items <= label_items(labelling.labels)]


def missing_in(history: History, others: Iterable[Labelling]) -> Iterator[Labelling]:
    """Those of the other events that a history does not have."""
    known = Counter(labelling.key for labelling in history)
    for labelling in others:
        if known[labelling.key]:
            known[labelling.key] -= 1
        else:
            yield labelling


def merged(*histories: History) -> list[Labelling]:
    """One history of several that have no event in common, by the times of the events.

    The order that each of them has is kept, also where its clock was set back; of events at the same time, those of an
    earlier history come first.
    """
    return [labelling for _, labelling in merge(*map(_dated, histories), key=itemgetter(0))]


def _dated(history: History) -> Iterator[tuple[datetime, Labelling]]:
    """Events with times that do not go back."""
    latest: datetime | None = None
    for labelling in history:
        latest = labelling.saved_at if latest is None else max(latest, labelling.saved_at)
        yield latest, labelling


def first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    """The first position at which two sequences differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((position for position, (a, b) in pairs if a != b), min(len(one), len(other)))
