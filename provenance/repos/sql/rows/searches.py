"""Searches in a SQL database, page by page."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, cast

import sqlalchemy as sa

from provenance.artifacts.found_rows import ArtifactRow, JobRow, RunRow, SetRow
from provenance.repos.containment import contains, wanted_items
from provenance.repos.json_fields import label_items
from provenance.repos.memory_search import has_contents
from provenance.repos.queries import ArtifactQuery, JobQuery, Order, Query, Row, RunQuery, SetQuery, rank, tie
from provenance.repos.sql.database import Database
from provenance.repos.sql.dialect import Dialect
from provenance.repos.sql.rows.job_searches import JobOutcomes, job_row, job_selection
from provenance.repos.sql.rows.search_index import SearchIndex
from provenance.repos.sql.schema import artifact_items, artifacts
from provenance.repos.sql.statements.compilers import compiler_for
from provenance.repos.sql.statements.searches import (
    WALK,
    ArtifactSelections,
    Lead,
    Selection,
    during,
    labelled_sets,
    made_by,
    members_of,
    run_selection,
    set_selection,
    value,
)
from provenance.repos.storable_text import original_text, storable_text
from provenance.types import JSON, Durations

PAGE = 200
"""Rows that are fetched at once."""
FEW = 1000
"""Up to how many rows of a condition it costs little to look at each."""
_MOST_PROBES = 12


class SearchRows:
    """Finds artifacts, sets, runs and jobs."""

    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database = database
        self._dialect = database.dialect
        self._index = index
        self._compiler = compiler_for(database.dialect)
        self._artifacts = ArtifactSelections(self._compiler)
        self._outcomes = JobOutcomes(database, self._compiler)

    def search(self, query: Query) -> Iterator[Row]:
        """The rows that a query asks for, in its order, fetched as they are needed."""
        rows: Iterator[Row]
        if isinstance(query, ArtifactQuery):
            rows = self._search_artifacts(query)
        elif isinstance(query, SetQuery):
            rows = self._rows(set_selection(query, self._compiler), query.order, query.limit, _set_row)
        elif isinstance(query, JobQuery):
            rows = self._search_jobs(query)
        else:
            rows = self._rows(run_selection(query, self._compiler), query.order, None, _run_row)
            rows = filter(partial(_has_info, query=query), rows)
        return islice(rows, query.limit)

    def count(self, query: Query) -> int:
        """How many rows a query asks for, up to its limit."""
        if isinstance(query, RunQuery):
            return sum(1 for _ in self.search(query))
        if isinstance(query, JobQuery):
            return sum(1 for _ in islice(self._jobs(query), query.limit))
        if isinstance(query, SetQuery):
            return self._number(set_selection(query, self._compiler), query.limit)
        indexed, rest = self._parts(query)
        number = self._number(indexed, query.limit) + sum(1 for _ in islice(rest, query.limit))
        return number if query.limit is None else min(number, query.limit)

    # ---- artifacts

    def _search_artifacts(self, query: ArtifactQuery) -> Iterator[ArtifactRow]:
        indexed, rest = self._parts(query)
        rows = self._rows(indexed, query.order, query.limit, _artifact_row)
        column = query.order.column
        return heapq.merge(rest, rows, key=lambda row: (rank(row, column), tie(row)), reverse=query.order.descending)

    def _parts(self, query: ArtifactQuery) -> tuple[Selection, Iterator[ArtifactRow]]:
        """What the index finds, and what it does not know yet."""
        query = replace(query, functions=self._known(query))
        input_artifacts = () if query.input_artifact is None else (query.input_artifact,)
        items = wanted_items(query.fields, query.inputs, input_artifacts)
        mark = self._index.catch_up() if items else None
        indexed = self._artifacts.selection(query, items, self._lead(query, sorted(items)))
        return indexed, iter(()) if mark is None else self._unindexed(query, mark)

    def _unindexed(self, query: ArtifactQuery, mark: int) -> Iterator[ArtifactRow]:
        rows = self._rows(self._artifacts.unindexed(query, mark), query.order, None, _artifact_row)
        return (row for row in rows if has_contents(row.custom_fields, row.input_hashes, query))

    def _known(self, query: ArtifactQuery) -> Any:
        """Of the functions that a name can mean, those that made anything; any one of them if none did."""
        if len(query.functions) < 2:  # noqa: PLR2004  there is nothing to choose
            return query.functions
        probes = [
            sa.exists().where(made_by(function, artifacts.c.fn_name, number=number))
            for number, function in enumerate(query.functions)
        ]
        flags = self._first(cast("sa.Select[Any]", sa.select(*probes)))
        known = tuple(function for function, is_known in zip(query.functions, flags, strict=True) if is_known)
        return known or query.functions[:1]

    def _lead(self, query: ArtifactQuery, items: list[str]) -> Lead:
        """The condition with the fewest rows; if all have many, one whose rows come in the order that is asked for."""
        leads = [Lead("item", item) for item in items[:_MOST_PROBES]]
        if not self._dialect.knows_frequencies:
            leads += self._leads_of_columns(query)
        if not leads:
            return WALK
        if len(leads) == 1 and leads[0].column in ("item", query.order.column):
            return leads[0]
        found = self._first(sa.select(*(self._few(lead, query, number) for number, lead in enumerate(leads))))
        fewest, lead = min(zip(found, leads, strict=True), key=lambda pair: pair[0])
        if fewest < FEW or self._dialect.knows_frequencies:
            return lead
        if query.order.column == "computed_at":
            return Lead("computed_at")
        in_order = [lead for lead in leads if lead.column not in ("computed_at", "labels")]
        return in_order[0] if in_order and query.order.column == "sequence" else WALK

    @staticmethod
    def _leads_of_columns(query: ArtifactQuery) -> Iterator[Lead]:
        if query.name is not None:
            yield Lead("name")
        if len(query.functions) == 1:
            yield Lead("fn_name")
        if query.run is not None:
            yield Lead("run_id")
        if not query.period.is_open:
            yield Lead("computed_at")
        if query.labels is not None:
            yield Lead("labels")

    def _few(self, lead: Lead, query: ArtifactQuery, number: int) -> sa.ScalarSelect[Any]:
        """How many rows a condition has, up to `FEW`."""
        one: sa.Select[Any] = sa.select(artifacts.c.sequence)
        if lead.column == "item":
            one = sa.select(artifact_items.c.artifact_sequence)
            one = one.where(artifact_items.c.item == value(f"item_{number}", lead.item))
        elif lead.column == "labels":
            one = members_of(labelled_sets(query.labels or {}, self._compiler))
        elif lead.column == "computed_at":
            one = one.where(*during(artifacts.c.computed_at, query.period, self._compiler))
        elif lead.column == "fn_name":
            one = one.where(artifacts.c.fn_name == value("fn_name", storable_text(query.functions[0].qualname)))
        else:
            asked = query.name if lead.column == "name" else query.run
            one = one.where(artifacts.c[lead.column] == value(lead.column, storable_text(asked or "")))
        few = one.limit(sa.literal_column(str(FEW))).subquery()
        return sa.select(sa.func.count()).select_from(few).scalar_subquery()

    # ---- jobs

    def _search_jobs(self, query: JobQuery) -> Iterator[JobRow]:
        found = islice(self._jobs(query), query.limit)
        while page := list(islice(found, PAGE)):
            yield from self._outcomes.added_to(page)

    def _jobs(self, query: JobQuery) -> Iterator[JobRow]:
        """Jobs without what became of them; their labels are looked at here, as there are not many."""
        wanted = label_items(query.labels)
        limit = None if wanted else query.limit
        rows = self._rows(job_selection(query, self._compiler), query.order, limit, job_row)
        return (row for row in rows if wanted <= label_items(row.labels))

    # ---- statements

    def _run(self, statement: sa.Select[Any]) -> Callable[..., list[Any]]:
        """A statement as a function of the parameters that have no value yet."""
        text, names, values = self._compiler.compiled(statement)
        return lambda **given: self._database.fetch_all(text, [{**values, **given}[name] for name in names])

    def _first(self, statement: sa.Select[Any]) -> Any:
        return self._run(statement)()[0]

    def _number(self, selection: Selection, limit: int | None) -> int:
        return int(self._run(selection.count(limit))(size=limit)[0][0])

    def _rows(self, selection: Selection, order: Order, limit: int | None, row_of: Any) -> Iterator[Any]:
        size = PAGE if limit is None else min(limit, PAGE)
        found = self._run(selection.page(order, is_first=True))(size=size)
        if len(found) < size or not size:
            yield from (row_of(row, self._dialect) for row in found)
            return
        following = self._run(selection.page(order, is_first=False))
        while found:
            for row in found:
                last = row_of(row, self._dialect)
                yield last
            if len(found) < size:
                return
            found = following(size=size, rank=_parameter(last, order, self._dialect), tie=tie(last))


def _parameter(row: Row, order: Order, dialect: Dialect) -> object:
    asked = row.order_value(order.column)
    if order.column in ("computed_at", "created_at", "recorded_at", "start"):
        return dialect.time_parameter(asked)
    return storable_text(asked) if isinstance(asked, str) else asked


def _has_info(row: RunRow, query: RunQuery) -> bool:
    return contains(cast("JSON", row.info), cast("JSON", query.info))


# ---- rows


def _artifact_row(row: Any, dialect: Dialect) -> ArtifactRow:
    (
        sequence, artifact_id, value_id, name, version, fn_module, fn_name, value_type, serializer, composite, size,
        custom_fields, input_hashes, run_id, computed_at, hash_seconds, compute_seconds, value_hash_seconds,
        store_seconds,
    ) = row  # fmt: skip
    from_json: Any = dialect.json_value
    return ArtifactRow(
        sequence=sequence,
        id=artifact_id,
        value_id=value_id,
        name=original_text(name),
        version=json.loads(version),
        fn_module=original_text(fn_module),
        fn_name=original_text(fn_name),
        value_type=original_text(value_type),
        serializer=original_text(serializer),
        composite=bool(composite),
        size=size,
        custom_fields=from_json(custom_fields),
        input_hashes=from_json(input_hashes),
        run_id=run_id,
        computed_at=dialect.time_value(computed_at),
        durations=Durations(hash_seconds, compute_seconds, value_hash_seconds, store_seconds),
    )


def _set_row(row: Any, dialect: Dialect) -> SetRow:
    sequence, set_id, created_at, labels, size = row
    found: Any = None if labels is None else dialect.json_value(labels)
    return SetRow(sequence=sequence, id=set_id, labels=found, size=size, created_at=dialect.time_value(created_at))


def _run_row(row: Any, dialect: Dialect) -> RunRow:
    run_id, info, recorded_at = row
    found: Any = dialect.json_value(info)
    return RunRow(id=run_id, info=found, recorded_at=dialect.time_value(recorded_at))
