"""Write the golden repos of the present schema, ``schema_N.db`` and ``schema_N.sql``, beside this file.

Run once for each schema, ``python -m tests.golden.repos.write_golden``, before it is released. The dump of PostgreSQL
is made by the oldest version that the tests are run with, since it is read by that and later ones.
"""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import provenance as p
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.versions import SCHEMA_VERSION
from provenance.testing.drafts import LARGE, WEIRD, a_draft, a_recipe, an_id, edge_to
from provenance.types import Durations
from tests.servers.postgres import postgres_server


def fill(repo: SqlRepo) -> None:
    """Store something of every kind."""
    time = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    repo.save(a_draft(1, [1, 2], computed_at=time, recipe=a_recipe(1), custom_fields={"tags": ["a"]}))
    repo.save(
        a_draft(
            2,
            LARGE,
            computed_at=time,
            name=WEIRD,
            version="1.2",
            edges=(edge_to(1), edge_to(3, "call")),
            recipe=a_recipe(2),
            input_hashes={"kargs['a']": an_id("hash")},
            inputs_json={"kargs": {"a": {"artifact": an_id(1)}}, "varargs": []},
            durations=Durations(0.1, 0.2, 0.3, 0.4),
            code_id=an_id("code"),
        )
    )
    repo.save_set(p.ArtifactSet([an_id(1), an_id(2)], {"name": "golden", "n": 1}).to_record())
    assert p.find(tags="a", repo=repo).count() == 1  # which brings the index up to date
    repo.close()


def write_sqlite(path: Path) -> None:
    """Write the repo as one small file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fill(SqlRepo(place / "repo.db", DiskStore(place / "blobs")))
        database = sqlite3.connect(place / "repo.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA page_size = 512")
        path.unlink(missing_ok=True)
        database.execute("VACUUM INTO ?", (str(path),))
        database.close()


def write_postgres(path: Path) -> None:
    """Write the repo as the SQL that makes it, in the schema ``golden``."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        fill(SqlRepo(server.url("golden"), DiskStore(Path(folder)), schema="golden"))
        dump = server.folder / "dump.sql"
        url = server.url("golden").replace("+psycopg", "")
        server.run("pg_dump", "--no-owner", "--no-privileges", "--inserts", "--schema=golden", f"--file={dump}", url)
        lines = dump.read_text("utf-8").split("\n")
    kept = [line for line in lines if line and not line.startswith(("--", "\\"))]  # commands are those of psql
    path.write_text("\n".join(kept) + "\n", "utf-8")


if __name__ == "__main__":
    here = Path(__file__).parent
    write_sqlite(here / f"schema_{SCHEMA_VERSION}.db")
    write_postgres(here / f"schema_{SCHEMA_VERSION}.sql")
