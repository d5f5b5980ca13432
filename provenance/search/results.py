"""What a search gives: rows that are fetched when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, cast, overload

from provenance.errors import UsageError
from provenance.repos.base import BaseRepo
from provenance.repos.queries import ArtifactQuery, JobQuery, Query, R, RunQuery, SetQuery

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20
_KINDS: dict[type[Query], str] = {ArtifactQuery: "artifacts", SetQuery: "sets", RunQuery: "runs", JobQuery: "jobs"}
_COLUMNS: dict[type[Query], tuple[str, ...]] = {
    ArtifactQuery: ("id", "name", "version", "fn_module", "fn_name", "value_type", "size", "computed_at"),
    SetQuery: ("id", "labels", "size", "created_at"),
    RunQuery: ("id", "host", "recorded_at"),
    JobQuery: (
        *("id", "labels", "hits", "computed", "failed", "seconds_run", "seconds_saved", "hosts", "start", "end"),
    ),
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Found(Generic[R]):
    """The rows that a search finds, in its order.

    Nothing is looked up before it is looked at, and then page by page: ``first()`` or the first of a loop costs one
    page, however many rows there are. Each loop searches anew, and sees what is stored then. Values are not read and
    nothing is unpickled.

    ``len(found)`` and ``found.count()`` count in the database; ``found[0]`` and ``found[:10]`` fetch as many rows as
    they need; ``bool(found)`` tells whether there is a row.
    """

    repo: BaseRepo
    query: Query

    def __iter__(self) -> Iterator[R]:
        return cast("Iterator[R]", self.repo.search(self.query))

    def count(self) -> int:
        """Return the number of rows."""
        return self.repo.count(self.query)

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return self.first() is not None

    def first(self) -> R | None:
        """Return the first row, None if there is none."""
        limit = self.query.limit
        return next(iter(self._limited(1 if limit is None else min(limit, 1))), None)

    def _limited(self, limit: int) -> Found[R]:
        return Found(self.repo, replace(self.query, limit=limit))

    @overload
    def __getitem__(self, key: SupportsIndex) -> R: ...
    @overload
    def __getitem__(self, key: slice) -> list[R]: ...
    def __getitem__(self, key: SupportsIndex | slice) -> R | list[R]:
        if isinstance(key, slice):
            bounds = (key.start or 0, key.stop or 0, key.step or 1)
            is_counted_from_end = min(bounds) < 0
            return list(self)[key] if is_counted_from_end else list(islice(self, key.start, key.stop, key.step))
        index = key.__index__()
        if index < 0:
            return list(self)[index]
        try:
            return next(islice(self, index, None))
        except StopIteration:
            msg = f"there is no row {index} in {self!r}"
            raise IndexError(msg) from None

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a data frame, with one column for each fact; values are not read.

        Raises
        ------
        UsageError
            pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415  an extra
        except ImportError as exc:
            msg = f"to_pandas needs pandas, which cannot be imported ({exc}): pip install 'provenance[pandas]'"
            raise UsageError(msg) from exc
        rows = [row.as_dict() for row in self]
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(_COLUMNS[type(self.query)]))

    def __repr__(self) -> str:
        return f"<Found {_KINDS[type(self.query)]} in repo {self.repo.name!r}>"

    def _repr_html_(self) -> str:
        """Show the first rows, in a notebook."""
        columns = _COLUMNS[type(self.query)]
        limit = self.query.limit
        size = _SHOWN + 1 if limit is None else min(limit, _SHOWN + 1)
        rows = list(self._limited(size))
        lines = ["".join(f"<td>{escape(_shown(row, column))}</td>" for column in columns) for row in rows[:_SHOWN]]
        head = "".join(f"<th>{column}</th>" for column in columns)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        more = "<p>… and more</p>" if len(rows) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _shown(row: Any, column: str) -> str:
    text = str(getattr(row, column))
    return text[:12] if column == "id" else text[:80]
