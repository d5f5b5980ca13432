"""Statements are written with SQLAlchemy and compiled ahead of time: what runs them does not import it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.dialect import quoted
from provenance.repos.sql.postgres.database import PostgresDatabase
from provenance.repos.sql.statements import compiling
from provenance.repos.sql.statements.texts import FOLDER, SCHEMA, statements
from provenance.testing.drafts import a_draft

ROOT = Path(__file__).parents[2]
FILES = compiling.files()
HEAVY = {"sqlalchemy", "alembic", "joblib", "numpy", "yaml", "asyncio"}


def test_there_is_a_file_for_each_database():
    assert {file.name for file in FOLDER.iterdir()} == set(FILES) == {"sqlite.json", "postgresql.json"}


@pytest.mark.parametrize("name", FILES)
def test_the_files_say_what_the_statements_say(name):
    command = "python -m provenance.repos.sql.statements.compiling"
    assert (FOLDER / name).read_text("utf-8") == FILES[name], f"{name} is out of date: run {command}"


def test_the_databases_have_the_same_statements():
    sqlite, postgresql = ({group: list(texts) for group, texts in json.loads(text).items()} for text in FILES.values())
    assert sqlite == postgresql


def test_statements_name_the_schema_whatever_it_is_called(postgres):
    schema = 'no "$1" {name}'
    database = PostgresDatabase(postgres.url("compiled"), schema=schema, create=True)
    text = statements("ReadStatements", database.dialect).run
    assert f"FROM {quoted(schema)}.runs" in text
    assert SCHEMA not in text
    repo = SqlRepo(postgres.url("compiled"), MemoryStore(), schema=schema)
    record = repo.save(a_draft(1, 5))
    assert repo.find_record(record.id) == record


USES = {
    "hit": "assert double(2) == 4 and len(calls) == 0",
    "miss": "assert double(3) == 6 and len(calls) == 1",
    "delete": "p.get_default_repo().delete(double(2).artifact.id)",
    "set": "p.create_set([double(2)], labels='twos'); p.load_set_by_name('twos')",
}


def run(folder, use):
    code = (
        "import json, sys\n"
        "import provenance as p\n"
        "calls = []\n"
        "@p.provenance()\n"
        "def double(x):\n"
        "    calls.append(x)\n"
        "    return 2 * x\n"
        f"{use}\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment.update(PROVENANCE_HOME=str(folder), PYTHONPATH=str(ROOT))
    script = folder / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_tables_are_made_with_sqlalchemy_and_without_alembic(tmp_path):
    loaded = run(tmp_path, "double(2)")
    assert "sqlalchemy" in loaded
    assert "alembic" not in loaded


@pytest.mark.parametrize("use", USES)
def test_using_a_database_that_is_there_imports_nothing_heavy(tmp_path, use):
    run(tmp_path, "double(2)")
    loaded = run(tmp_path, USES[use])
    assert "sqlite3" in loaded
    assert loaded & HEAVY == set()
