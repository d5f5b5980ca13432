"""The compiler of each database, imported when it is needed."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.dialect import Dialect

_COMPILERS = {
    "sqlite": ("provenance.repos.sql.sqlite.compiler", "SQLITE_COMPILER"),
    "postgresql": ("provenance.repos.sql.postgres.compiler", "POSTGRES_COMPILER"),
}
"""Where each is, by the name of its dialect."""


def compiler_for(dialect: Dialect) -> Compiler:
    """The compiler that writes statements about the tables of an open database."""
    module, name = _COMPILERS[dialect.name]
    compiler: Compiler = getattr(import_module(module), name)
    return replace(compiler, dialect=dialect)
