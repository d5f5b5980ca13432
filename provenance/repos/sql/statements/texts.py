"""The texts of statements, compiled ahead of time: importing SQLAlchemy to write them takes longer than a first call.

They are written in `statements` and the modules beside it, and `compiling` makes the files from there.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from provenance.repos.sql.dialect import Dialect, quoted

FOLDER = Path(__file__).with_name("compiled")
"""One file for each database, with a text for each statement of each group."""
SCHEMA = "schema_of_tables"
"""What stands in the texts for the schema of the tables, which is known when a database is opened."""


def statements(group: str, dialect: Dialect) -> Any:
    """The texts of a group of statements, by the names that they have in the class of that name."""
    texts = _compiled(dialect.name)[group]
    if dialect.schema is not None:
        written = f"{quoted(dialect.schema)}."
        texts = {name: text.replace(f"{SCHEMA}.", written) for name, text in texts.items()}
    return SimpleNamespace(**texts)


@cache
def _compiled(database: str) -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = json.loads((FOLDER / f"{database}.json").read_bytes())
    return groups
