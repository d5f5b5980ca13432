"""The compiler of each database."""

from __future__ import annotations

from dataclasses import replace

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.dialect import Dialect
from provenance.repos.sql.postgres.compiler import POSTGRES_COMPILER
from provenance.repos.sql.sqlite.compiler import SQLITE_COMPILER

_BY_NAME = {compiler.dialect.name: compiler for compiler in (SQLITE_COMPILER, POSTGRES_COMPILER)}


def compiler_for(dialect: Dialect) -> Compiler:
    """The compiler that writes statements about the tables of an open database."""
    return replace(_BY_NAME[dialect.name], dialect=dialect)
