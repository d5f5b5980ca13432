"""Rows of several repos as those of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from itertools import islice

from provenance.artifacts.found_rows import ArtifactRow, JobRow, RunRow, SetRow
from provenance.blobstores.tiers import Tiers
from provenance.repos.base import BaseRepo
from provenance.repos.queries import Query, Row, rank

_TIMES: dict[type[Row], str] = {
    ArtifactRow: "computed_at",
    SetRow: "created_at",
    RunRow: "recorded_at",
    JobRow: "start",
}


def search_members(chain: BaseRepo, tiers: Tiers[BaseRepo], query: Query) -> Iterator[Row]:
    """The rows of the members that answer, as those of their chain."""

    def begin(repo: BaseRepo) -> Iterator[Row]:
        # A member that cannot be reached is found out here.
        rows = repo.search(query)
        return itertools.chain(list(islice(rows, 1)), rows)

    members = [rows for _, rows in tiers.answers("look up", begin, [])]
    for row in merged(members, query):
        yield row.in_repo(chain)


def merged(members: Iterable[Iterator[Row]], query: Query) -> Iterator[Row]:
    """Rows that were asked for in every member, each once.

    Those of one member stay in their order. Where they are ordered by sequence, which says nothing about another
    member's rows, whichever of the members' next rows has the latest time comes next, or the earliest.
    """
    return islice(_each_once(_interleaved(members, query)), query.limit)


def _interleaved(members: Iterable[Iterator[Row]], query: Query) -> Iterator[Row]:
    heads: list[tuple[Row, Iterator[Row]]] = [(row, rows) for rows in members for row in islice(rows, 1)]
    choose = max if query.order.descending else min
    column = query.order.column
    while heads:
        # Of equal ones the nearest member's comes first.
        ranks = [rank(row, _TIMES[type(row)] if column == "sequence" else column) for row, _ in heads]
        index = ranks.index(choose(ranks))
        row, rows = heads[index]
        yield row
        following = next(rows, None)
        if following is None:
            del heads[index]
        else:
            heads[index] = following, rows


def _each_once(rows: Iterable[Row]) -> Iterator[Row]:
    seen: set[str] = set()
    for row in rows:
        if row.id not in seen:
            seen.add(row.id)
            yield row
