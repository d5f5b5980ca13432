"""Compile all statements ahead of time: ``python -m provenance.repos.sql.statements.compiling`` writes the files anew.

A test tells when one is out of date.
"""

from __future__ import annotations

import json

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.postgres.dialect import POSTGRES
from provenance.repos.sql.sqlite.dialect import SQLITE
from provenance.repos.sql.statements.artifacts import (
    BlobStatements,
    FailureStatements,
    ReadStatements,
    RecipeStatements,
    SetStatements,
    WriteStatements,
)
from provenance.repos.sql.statements.compilers import compiler_for
from provenance.repos.sql.statements.index import IndexStatements
from provenance.repos.sql.statements.jobs import JobStatements
from provenance.repos.sql.statements.leases import LeaseStatements
from provenance.repos.sql.statements.texts import FOLDER, SCHEMA

_GROUPS = (
    ReadStatements,
    WriteStatements,
    RecipeStatements,
    BlobStatements,
    SetStatements,
    FailureStatements,
    IndexStatements,
    JobStatements,
    LeaseStatements,
)
"""Each makes its statements with a compiler, and keeps their texts as its attributes."""
_COMPILERS = (compiler_for(SQLITE), compiler_for(POSTGRES._replace(schema=SCHEMA)))


def files() -> dict[str, str]:
    """What the files are to contain, by their names."""
    return {f"{compiler.dialect.name}.json": _texts(compiler) for compiler in _COMPILERS}


def _texts(compiler: Compiler) -> str:
    groups = {group.__name__: vars(group(compiler)) for group in _GROUPS}
    return json.dumps(groups, indent=1) + "\n"


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text)
