"""Queries as statements: one for each combination of what is asked for.

A statement has one lead, the condition whose rows are few or come in the order that is asked for; the others are
checked row by row. PostgreSQL's planner finds it by itself; SQLite's is kept from the indexes of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from provenance.repos.json_fields import dump_json
from provenance.repos.queries import ArtifactQuery, FailedCallQuery, FunctionName, Order, Period, RunQuery, SetQuery
from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.records import FAILURE_COLUMNS, label_digests
from provenance.repos.sql.schema import (
    artifact_inputs,
    artifact_items,
    artifact_sets,
    artifacts,
    failed_calls,
    runs,
    set_label_items,
    set_labels,
    set_members,
)
from provenance.repos.storable_text import storable_text
from provenance.types import JSON

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that are asked for, before they are ordered, with the columns that order them.

    Attributes
    ----------
    select : Select
        The rows with all their columns.
    columns : mapping
        What rows can be ordered by.
    tie : ColumnElement
        What those are ordered by that are equal there.
    """

    select: sa.Select[Any]
    columns: Mapping[str, sa.ColumnElement[Any]]
    tie: sa.ColumnElement[Any]

    def page(self, order: Order, *, is_first: bool) -> sa.Select[Any]:
        """A number of rows, behind the row with ``:rank`` and ``:tie`` unless it is the first page."""
        column, tie = self.columns[order.column], self.tie
        select = self.select
        if not is_first:
            behind: Any = sa.bindparam("tie", type_=tie.type)
            key: Any = tie
            if column is not tie:
                key, behind = sa.tuple_(column, tie), sa.tuple_(sa.bindparam("rank", type_=column.type), behind)
            select = select.where(key < behind if order.descending else key > behind)
        by = [tie] if column is tie else [column, tie]
        ordered = select.order_by(*(one.desc() if order.descending else one.asc() for one in by))
        return ordered.limit(sa.bindparam("size", type_=sa.Integer()))

    def count(self, limit: int | None) -> sa.Select[Any]:
        """The number of rows, up to ``:size`` if there is a limit."""
        found = self.select.with_only_columns(self.tie)
        if limit is not None:
            found = found.limit(sa.bindparam("size", type_=sa.Integer()))
        return sa.select(sa.func.count()).select_from(found.subquery())


def value(name: str, given: Any, type_: Any = None) -> sa.BindParameter[Any]:
    """A parameter with its value."""
    return sa.bindparam(name, given, type_=type_)


def during(column: sa.ColumnElement[Any], period: Period, compiler: Compiler) -> list[Condition]:
    """That a time lies in a period."""
    conditions = []
    if period.since is not None:
        conditions.append(column >= value("since", compiler.dialect.time_parameter(period.since), sa.Text()))
    if period.until is not None:
        conditions.append(column < value("until", compiler.dialect.time_parameter(period.until), sa.Text()))
    return conditions


# ---- artifacts

_SIZE = sa.func.coalesce(
    artifacts.c.value_size,
    sa.func.length(artifacts.c.value_inline) - sa.literal_column("16"),  # without the checksum
    sa.literal_column("0"),
)
ARTIFACT_COLUMNS = (
    artifacts.c.sequence,
    artifacts.c.id,
    artifacts.c.value_id,
    artifacts.c.name,
    artifacts.c.version,
    artifacts.c.fn_module,
    artifacts.c.fn_name,
    artifacts.c.value_type,
    artifacts.c.serializer,
    artifacts.c.composite,
    _SIZE.label("size"),
    artifacts.c.custom_fields,
    artifacts.c.input_hashes,
    artifacts.c.run_id,
    artifacts.c.computed_at,
    artifacts.c.hash_seconds,
    artifacts.c.compute_seconds,
    artifacts.c.value_hash_seconds,
    artifacts.c.store_seconds,
)


@dataclass(frozen=True, slots=True)
class Lead:
    """The condition that gives the rows; `item` is the one it is about if it is about items."""

    column: str
    item: str = ""


WALK = Lead("")
"""No condition: all rows in their order."""


class ArtifactSelections:
    """Statements that find artifacts."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def selection(self, query: ArtifactQuery, items: Collection[str], lead: Lead) -> Selection:
        """All artifacts that fit a query and have these items.

        What a query says of custom fields and inputs is left to the items, which the index has.
        """
        others = sorted(set(items) - {lead.item})
        tie: sa.ColumnElement[Any] = artifacts.c.sequence
        found = sa.select(*ARTIFACT_COLUMNS)
        if lead.item:
            tie = artifact_items.c.artifact_sequence
            found = found.join_from(artifact_items, artifacts, artifacts.c.sequence == tie)
            found = found.where(artifact_items.c.item == value("item", lead.item))
        if others:
            found = found.where(self._has_all(tie, others))
        return self._ordered(found.where(*self._conditions(query, lead)), tie)

    def unindexed(self, query: ArtifactQuery, mark: int) -> Selection:
        """All artifacts behind the mark that fit a query, but for its custom fields and inputs."""
        found = sa.select(*ARTIFACT_COLUMNS).where(artifacts.c.sequence > value("mark", mark, sa.BigInteger()))
        if query.input_artifact is not None:
            found = found.where(self._uses(query.input_artifact))
        return self._ordered(found.where(*self._conditions(query, WALK)), artifacts.c.sequence)

    def _ordered(self, found: sa.Select[Any], tie: sa.ColumnElement[Any]) -> Selection:
        columns = {
            "sequence": tie,
            "computed_at": artifacts.c.computed_at,
            "name": self._compiler.bytewise(artifacts.c.name),
            "compute_duration": artifacts.c.compute_seconds,
            "size": _SIZE,
        }
        return Selection(found, columns, tie)

    def _has_all(self, sequence: sa.ColumnElement[Any], items: list[str]) -> Condition:
        one = artifact_items.alias("other")
        batch = self._compiler.batch("others")
        number = (
            sa.select(sa.func.count())
            .select_from(one)
            .where(one.c.artifact_sequence == sequence, one.c.item.in_(batch))
            .correlate(artifacts, artifact_items)
            .params(others=self._compiler.dialect.batch_parameter(items))
            .scalar_subquery()
        )
        return number == value("number", len(items), sa.Integer())

    def _uses(self, artifact_id: str) -> Condition:
        edge = artifact_inputs.c
        return (
            sa.exists()
            .where(
                edge.artifact_sequence == artifacts.c.sequence,
                edge.input_id == value("input_id", artifact_id),
                edge.kind == sa.literal_column("'input'"),
            )
            .correlate(artifacts)
        )

    def _conditions(self, query: ArtifactQuery, lead: Lead) -> list[Condition]:
        def column(name: str) -> sa.ColumnElement[Any]:
            if lead.column == name or self._compiler.dialect.knows_frequencies:
                return artifacts.c[name]
            return sa.literal_column(f"+artifacts.{name}", artifacts.c[name].type)  # SQLite uses no index of this

        conditions: list[Condition] = []
        if query.name is not None:
            conditions.append(column("name") == value("name", storable_text(query.name)))
        if query.run is not None:
            conditions.append(column("run_id") == value("run", storable_text(query.run)))
        if query.version is not None:
            conditions.append(artifacts.c.version == value("version", dump_json(query.version)))
        if query.functions:
            made = [
                made_by(function, column("fn_name"), number=number) for number, function in enumerate(query.functions)
            ]
            conditions.append(sa.or_(*made))
        conditions += during(column("computed_at"), query.period, self._compiler)
        if query.labels is not None:
            conditions.append(self._is_member(query.labels, is_lead=lead.column == "labels"))
        return conditions

    def _is_member(self, labels: Mapping[str, JSON], *, is_lead: bool) -> Condition:
        labelled = labelled_sets(labels, self._compiler)
        if is_lead or self._compiler.dialect.knows_frequencies:
            return artifacts.c.id.in_(members_of(labelled))
        return (
            sa.exists()
            .where(set_members.c.artifact_id == artifacts.c.id, set_members.c.set_sequence.in_(labelled))
            .correlate(artifacts)
        )


def made_by(function: FunctionName, column: sa.ColumnElement[str], *, number: int) -> Condition:
    """That a function with this name made an artifact."""
    named = column == value(f"qualname_{number}", storable_text(function.qualname))
    if function.module is None:
        return named
    return sa.and_(named, artifacts.c.fn_module == value(f"module_{number}", storable_text(function.module)))


def labelled_sets(labels: Mapping[str, JSON], compiler: Compiler) -> sa.Select[Any]:
    """Sequences of the sets that were saved under labels containing these."""
    items = label_digests(labels)
    if not items:
        return sa.select(set_labels.c.set_sequence)
    with_all = (
        sa.select(set_label_items.c.labels_sequence)
        .where(set_label_items.c.item.in_(compiler.batch("labels")))
        .group_by(set_label_items.c.labels_sequence)
        .having(sa.func.count() == value("label_number", len(items), sa.Integer()))
        .params(labels=compiler.dialect.batch_parameter(items))
    )
    return sa.select(set_labels.c.set_sequence).where(set_labels.c.sequence.in_(with_all))


def members_of(sets: sa.Select[Any]) -> sa.Select[Any]:
    """Ids of the members of sets."""
    return sa.select(set_members.c.artifact_id).where(set_members.c.set_sequence.in_(sets))


# ---- sets, runs and calls that raised


def set_selection(query: SetQuery, compiler: Compiler) -> Selection:
    """All sets that fit a query."""
    one = artifact_sets.c
    labels = (
        sa.select(set_labels.c.labels)
        .where(set_labels.c.set_sequence == one.sequence)
        .order_by(set_labels.c.sequence.desc())
        .limit(sa.literal_column("1"))
        .correlate(artifact_sets)
        .scalar_subquery()
    )
    size = (
        sa.select(sa.func.count())
        .select_from(set_members)
        .where(set_members.c.set_sequence == one.sequence)
        .correlate(artifact_sets)
        .scalar_subquery()
    )
    found = sa.select(one.sequence, one.id, one.created_at, labels, size)
    found = found.where(*during(one.created_at, query.period, compiler))
    if query.labels is not None:
        found = found.where(one.sequence.in_(labelled_sets(query.labels, compiler)))
    if query.artifact is not None:
        with_member = sa.select(set_members.c.set_sequence).where(
            set_members.c.artifact_id == value("artifact_id", query.artifact)
        )
        found = found.where(one.sequence.in_(with_member))
    return Selection(found, {"sequence": one.sequence, "created_at": one.created_at}, one.sequence)


def run_selection(query: RunQuery, compiler: Compiler) -> Selection:
    """All runs of the time that a query asks for."""
    found = sa.select(runs.c.id, runs.c.info, runs.c.recorded_at)
    found = found.where(*during(runs.c.recorded_at, query.period, compiler))
    return Selection(found, {"recorded_at": runs.c.recorded_at}, compiler.bytewise(runs.c.id))


def failures_that(query: FailedCallQuery) -> sa.Select[Any]:
    """All calls that raised that fit a query, the last ones first."""
    asked = {"artifact_id": query.artifact, "name": query.name, "job_id": query.job}
    wanted = [
        failed_calls.c[column] == value(column, storable_text(given))
        for column, given in asked.items()
        if given is not None
    ]
    found = sa.select(*(failed_calls.c[name] for name in FAILURE_COLUMNS)).where(*wanted)
    last_first = found.order_by(failed_calls.c.sequence.desc())
    return last_first if query.limit is None else last_first.limit(value("size", query.limit, sa.Integer()))
