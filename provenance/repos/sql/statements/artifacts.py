"""The statements that read and write artifacts and sets, written once with SQLAlchemy Core.

They are run by the driver, as SQLAlchemy's own way of executing them costs six times as much, and their texts are
loaded from the files of `compiled`, as it takes longer to import SQLAlchemy than to do anything else that a first
call does. After a change: ``python -m provenance.repos.sql.statements.compiling``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.records import COLUMNS, FAILURE_COLUMNS
from provenance.repos.sql.schema import (
    artifact_inputs,
    artifact_sets,
    artifacts,
    blobs,
    failed_calls,
    meta,
    recipes,
    runs,
    set_label_items,
    set_labels,
    set_members,
)

_NULL: sa.ColumnElement[Any] = sa.null()


def _bind(column: sa.Column[Any], name: str | None = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name or column.name, type_=column.type)


class ReadStatements:
    """What reads artifacts and runs."""

    def __init__(self, compiler: Compiler) -> None:
        record = _record_columns(compiler)
        by_id = sa.select(*record).where(artifacts.c.id == _bind(artifacts.c.id))
        by_ids = sa.select(*record).where(artifacts.c.id.in_(compiler.batch("ids")))
        self.record = compiler.sql(by_id, "id")
        self.records = compiler.sql(by_ids, "ids")
        self.records_by_recipe = compiler.sql(
            sa.select(*record, recipes.c.key)
            .join_from(recipes, artifacts, artifacts.c.sequence == recipes.c.artifact_sequence)
            .where(recipes.c.key.in_(compiler.batch("keys"))),
            "keys",
        )
        self.latest_with_value = compiler.sql(
            _last(sa.select(*record).where(artifacts.c.value_id == _bind(artifacts.c.value_id)), artifacts.c.sequence),
            "value_id",
        )
        self.run = compiler.sql(sa.select(runs.c.info).where(runs.c.id == _bind(runs.c.id)), "id")
        self.downstream = compiler.sql(_downstream(compiler), "ids")


def _last(statement: sa.Select[Any], sequence: sa.ColumnElement[Any]) -> sa.Select[Any]:
    # Written as literals: plain numbers would become parameters.
    return statement.order_by(sequence.desc()).limit(sa.literal_column("1")).offset(sa.literal_column("0"))


def _record_columns(compiler: Compiler) -> list[sa.ColumnElement[Any]]:
    edge = artifact_inputs.c
    rows = (
        sa.select(compiler.json_rows(edge.position, edge.input_id, edge.path, edge.kind))
        .where(edge.artifact_sequence == artifacts.c.sequence)
        .correlate(artifacts)
        .scalar_subquery()
    )
    edges = sa.case((artifacts.c.edge_count > sa.literal_column("0"), rows))
    return [artifacts.c.sequence, *(artifacts.c[name] for name in COLUMNS), edges.label("edges")]


def _downstream(compiler: Compiler) -> sa.Select[Any]:
    def made_with(sources: Any) -> sa.Select[Any]:
        one, edge = artifacts.alias(), artifact_inputs.alias()
        joined = sa.select(one.c.id).join_from(edge, one, one.c.sequence == edge.c.artifact_sequence)
        return joined.where(edge.c.input_id.in_(sources))

    found = made_with(compiler.batch("ids")).cte("downstream", recursive=True)
    edge, one = artifact_inputs.alias(), artifacts.alias()
    further = (
        sa.select(one.c.id)
        .join_from(found, edge, edge.c.input_id == found.c.id)
        .join(one, one.c.sequence == edge.c.artifact_sequence)
    )
    return sa.select(found.union(further).c.id)


class WriteStatements:
    """What stores and removes artifacts."""

    def __init__(self, compiler: Compiler) -> None:
        insert = compiler.insert
        values = {name: _bind(artifacts.c[name]) for name in COLUMNS}
        values["computed_at"] = sa.func.coalesce(_bind(artifacts.c.computed_at), compiler.now)  # type: ignore[assignment]
        returned = (artifacts.c.sequence, artifacts.c.computed_at)
        self.insert_run = compiler.sql(
            insert(runs)
            .values(id=_bind(runs.c.id), info=_bind(runs.c.info), recorded_at=compiler.now)
            .on_conflict_do_nothing(),
            "id",
            "info",
        )
        self.insert_artifact = compiler.sql(
            insert(artifacts)
            .values({**values, "state": sa.literal_column("'stored'")})
            .on_conflict_do_nothing(index_elements=[artifacts.c.id])
            .returning(*returned),
            *COLUMNS,
        )
        content = {name: value for name, value in values.items() if name != "id"}
        self.update_artifact = compiler.sql(
            artifacts.update()
            .values(content)
            .where(artifacts.c.id == _bind(artifacts.c.id, "artifact_id"))
            .returning(*returned),
            *COLUMNS[1:],
            "artifact_id",
        )
        self.insert_edge = _insert_all(compiler, artifact_inputs)
        self.remove_edges = compiler.sql(
            artifact_inputs.delete().where(
                artifact_inputs.c.artifact_sequence == _bind(artifact_inputs.c.artifact_sequence)
            ),
            "artifact_sequence",
        )
        self.remove_artifacts = compiler.sql(
            artifacts.delete()
            .where(artifacts.c.id.in_(compiler.batch("ids")))
            .returning(artifacts.c.value_blob, artifacts.c.inputs_blob),
            "ids",
        )


class RecipeStatements:
    """What changes recipe keys."""

    def __init__(self, compiler: Compiler) -> None:
        found = sa.select(_bind(recipes.c.key), artifacts.c.sequence).where(artifacts.c.id == _bind(artifacts.c.id))
        inserted = compiler.insert(recipes).from_select([recipes.c.key, recipes.c.artifact_sequence], found)
        self.put = compiler.sql(
            inserted.on_conflict_do_update(
                index_elements=[recipes.c.key], set_={"artifact_sequence": inserted.excluded.artifact_sequence}
            ),
            "key",
            "id",
        )
        self.of = compiler.sql(
            sa.select(recipes.c.key, artifacts.c.id)
            .join_from(artifacts, recipes, artifacts.c.sequence == recipes.c.artifact_sequence)
            .where(artifacts.c.id.in_(compiler.batch("ids"))),
            "ids",
        )
        removed = sa.select(artifacts.c.sequence).where(artifacts.c.id.in_(compiler.batch("ids")))
        self.remove = compiler.sql(recipes.delete().where(recipes.c.artifact_sequence.in_(removed)), "ids")
        self.forget = compiler.sql(
            artifacts.update()
            .values(recipe=_NULL)
            .where(artifacts.c.id.in_(compiler.batch("ids")), artifacts.c.recipe.is_not(None)),
            "ids",
        )


class BlobStatements:
    """What knows which blobs are referred to."""

    def __init__(self, compiler: Compiler) -> None:
        unused = ~sa.exists().where(
            sa.or_(artifacts.c.value_blob == blobs.c.key, artifacts.c.inputs_blob == blobs.c.key)
        )
        inserted = compiler.insert(blobs).values(key=_bind(blobs.c.key), size=_bind(blobs.c.size))
        self.refer = compiler.sql(
            inserted.on_conflict_do_update(index_elements=[blobs.c.key], set_={"unreferenced_at": _NULL}), "key", "size"
        )
        self.note_unused = compiler.sql(
            inserted.values(unreferenced_at=compiler.now).on_conflict_do_nothing(), "key", "size"
        )
        self.release = compiler.sql(
            blobs.update().values(unreferenced_at=compiler.now).where(blobs.c.key.in_(compiler.batch("keys")), unused),
            "keys",
        )
        self.take_due = compiler.sql(
            blobs.delete()
            .where(blobs.c.unreferenced_at.is_not(None), blobs.c.unreferenced_at <= compiler.ago("seconds"), unused)
            .returning(blobs.c.key),
            "seconds",
        )
        sweeps = meta.c.key == sa.literal_column("'sweeps'")
        self.sweeps = compiler.sql(sa.select(meta.c.value).where(sweeps))
        self.count_sweep = compiler.sql(meta.update().values(value=meta.c.value + sa.literal_column("1")).where(sweeps))


class SetStatements:
    """What reads and writes artifact sets."""

    def __init__(self, compiler: Compiler) -> None:
        found = sa.select(artifact_sets.c.sequence, artifact_sets.c.id, artifact_sets.c.created_at)
        labelled = sa.select(
            artifact_sets.c.sequence,
            artifact_sets.c.id,
            artifact_sets.c.created_at,
            set_labels.c.labels,
            set_labels.c.saved_at,
        ).join_from(set_labels, artifact_sets, artifact_sets.c.sequence == set_labels.c.set_sequence)
        by_id = artifact_sets.c.id == _bind(artifact_sets.c.id)
        self.set = compiler.sql(found.where(by_id), "id")
        self.labelled_set = compiler.sql(_last(labelled.where(by_id), set_labels.c.sequence), "id")
        self.latest_set = compiler.sql(_last(labelled, set_labels.c.sequence))
        self.latest_set_with = compiler.sql(
            labelled.where(set_labels.c.sequence == _latest_labels(compiler)), "item", "others", "count"
        )
        self.members = compiler.sql(
            sa.select(set_members.c.artifact_id).where(set_members.c.set_sequence == _bind(set_members.c.set_sequence)),
            "set_sequence",
        )
        self.insert_set = compiler.sql(
            compiler.insert(artifact_sets)
            .values(
                id=_bind(artifact_sets.c.id),
                created_at=sa.func.coalesce(_bind(artifact_sets.c.created_at), compiler.now),
            )
            .on_conflict_do_nothing()
            .returning(artifact_sets.c.sequence),
            "id",
            "created_at",
        )
        self.insert_member = _insert_all(compiler, set_members)
        self.insert_labels = compiler.sql(
            set_labels.insert()
            .values(
                set_sequence=_bind(set_labels.c.set_sequence),
                labels=_bind(set_labels.c.labels),
                saved_at=sa.func.coalesce(_bind(set_labels.c.saved_at), compiler.now),
            )
            .returning(set_labels.c.sequence, set_labels.c.saved_at),
            "set_sequence",
            "labels",
            "saved_at",
        )
        self.ids = compiler.sql(sa.select(artifact_sets.c.id))
        self.sequences = compiler.sql(
            sa.select(artifact_sets.c.id, artifact_sets.c.sequence).where(
                artifact_sets.c.id.in_(compiler.batch("ids"))
            ),
            "ids",
        )
        self.history = compiler.sql(
            sa.select(set_labels.c.sequence, artifact_sets.c.id, set_labels.c.labels, set_labels.c.saved_at)
            .join_from(set_labels, artifact_sets, artifact_sets.c.sequence == set_labels.c.set_sequence)
            .order_by(set_labels.c.sequence)
        )
        self.remove_labels_from = compiler.sql(
            set_labels.delete().where(set_labels.c.sequence >= _bind(set_labels.c.sequence)), "sequence"
        )
        self.insert_label_item = _insert_all(compiler, set_label_items)
        self.remove_set = compiler.sql(artifact_sets.delete().where(by_id), "id")


def _latest_labels(compiler: Compiler) -> sa.ScalarSelect[Any]:
    """The last labels that have one item, and as many of the others as there are."""
    first, other = set_label_items.alias(), set_label_items.alias()
    others = (
        sa.select(sa.func.count())
        .select_from(other)
        .where(other.c.labels_sequence == first.c.labels_sequence, other.c.item.in_(compiler.batch("others")))
        .correlate(first)
        .scalar_subquery()
    )
    with_all = sa.select(first.c.labels_sequence).where(
        first.c.item == _bind(set_label_items.c.item), others == sa.bindparam("count", type_=sa.Integer())
    )
    return _last(with_all, first.c.labels_sequence).scalar_subquery()


def _insert_all(compiler: Compiler, table: sa.Table) -> str:
    return compiler.sql(
        table.insert().values({column.name: _bind(column) for column in table.c}), *(column.name for column in table.c)
    )


class FailureStatements:
    """What writes calls that raised."""

    def __init__(self, compiler: Compiler) -> None:
        columns = [failed_calls.c[name] for name in FAILURE_COLUMNS]
        values: dict[str, Any] = {column.name: _bind(column) for column in columns}
        del values["sequence"]
        values["failed_at"] = sa.func.coalesce(values["failed_at"], compiler.now)
        self.insert = compiler.sql(failed_calls.insert().values(values).returning(*columns), *values)
