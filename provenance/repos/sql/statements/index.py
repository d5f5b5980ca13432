"""The statements that read and write the index of what artifacts are found by; see `search_index`."""

from __future__ import annotations

import sqlalchemy as sa

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.schema import artifact_inputs, artifact_items, artifacts, meta

_ITEM_LENGTH: sa.ColumnElement[int] = sa.literal_column("20")
_MARK = meta.c.key == sa.literal_column("'indexed'")


class IndexStatements:
    """What reads and writes the index."""

    def __init__(self, compiler: Compiler) -> None:
        mark = sa.select(meta.c.value).where(_MARK).scalar_subquery()
        last = sa.select(sa.func.max(artifacts.c.sequence)).scalar_subquery()
        self.state = compiler.sql(sa.select(mark, last))
        edge = artifact_inputs.c
        inputs = (
            sa.select(compiler.json_rows(edge.input_id))
            .where(edge.artifact_sequence == artifacts.c.sequence, edge.kind == sa.literal_column("'input'"))
            .correlate(artifacts)
            .scalar_subquery()
        )
        self.rows = compiler.sql(
            sa.select(
                artifacts.c.sequence,
                artifacts.c.custom_fields,
                artifacts.c.input_hashes,
                sa.case((artifacts.c.edge_count > sa.literal_column("0"), inputs)),
            )
            .where(artifacts.c.sequence > sa.bindparam("mark", type_=sa.BigInteger()))
            .order_by(artifacts.c.sequence)
            .limit(sa.bindparam("size", type_=sa.Integer()))
            .offset(sa.literal_column("0")),
            "mark",
            "size",
        )
        text: sa.ColumnElement[str] = compiler.batch("items").subquery().c[0]
        split = sa.select(
            sa.func.substr(text, sa.literal_column("1"), _ITEM_LENGTH),
            sa.cast(sa.func.substr(text, sa.literal_column("21")), sa.BigInteger()),
        ).where(sa.true())
        self.add = compiler.sql(
            compiler.insert(artifact_items).from_select(["item", "artifact_sequence"], split).on_conflict_do_nothing(),
            "items",
        )
        pair = sa.tuple_(artifact_items.c.item, artifact_items.c.artifact_sequence)
        self.remove = compiler.sql(artifact_items.delete().where(pair.in_(split)), "items")
        self.set_mark = compiler.sql(
            meta.update().values(value=sa.bindparam("mark", type_=sa.BigInteger())).where(_MARK), "mark"
        )
