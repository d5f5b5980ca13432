"""Write the golden repo of schema 1, ``schema_1.db``, beside this file; run once, before the schema was released."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import provenance as p
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, WEIRD, a_draft, a_recipe, an_id, edge_to
from provenance.types import Durations


def write(path: Path) -> None:
    """Write the repo as one small file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        repo = SqlRepo(place / "repo.db", DiskStore(place / "blobs"))
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
        repo.close()
        database = sqlite3.connect(place / "repo.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA page_size = 512")
        path.unlink(missing_ok=True)
        database.execute("VACUUM INTO ?", (str(path),))
        database.close()


if __name__ == "__main__":
    write(Path(__file__).with_name("schema_1.db"))
