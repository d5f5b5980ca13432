"""Look-ups in a PostgreSQL database."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

import psycopg

import provenance as p
from benchmarks.hits import work
from benchmarks.measure import Pair
from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft, an_id
from provenance.types import ArtifactId


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Look-ups by id past the memory of the process, beside the driver's own; and many at once, beside one by one."""
    del folder
    postgres_server = importlib.import_module("tests.servers.postgres").postgres_server  # has no types
    count = 50 if tiny else 1_000
    with postgres_server(os.environ.get("PROVENANCE_BENCHMARKS_POSTGRES")) as server:
        repo = SqlRepo(server.url("benchmarks"), MemoryStore(), schema="benchmarks")
        for seed in range(count):
            repo.save(a_draft(seed, seed))
        ids = [an_id(seed) for seed in range(count)]
        cached = p.provenance(name="databases")(work)
        each = cycle(ids)
        url = server.url("benchmarks").replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as raw, p.using_repo(repo):
            raw.prepare_threshold = 0
            cached(0, 2.0, "x", True)  # noqa: FBT003  stored now
            yield [
                Pair(
                    "warm hit, PostgreSQL, value read, not seen by the process",
                    "raw prepared",
                    partial(_hit, repo, cached),
                    partial(_raw, raw, each),
                    5 if tiny else 500,
                    0.25,
                ),
                Pair(
                    "look-up by id, PostgreSQL",
                    "raw prepared",
                    lambda: repo._rows.records([next(each)]),  # noqa: SLF001  behind the cache of records
                    partial(_raw, raw, each),
                    5 if tiny else 500,
                    None,
                ),
                Pair(
                    f"look-up of {count:,} ids, PostgreSQL",
                    "one by one",
                    lambda: repo._rows.records(ids),  # noqa: SLF001
                    lambda: [repo._rows.records([key]) for key in ids],  # noqa: SLF001
                    1,
                    10.0,
                ),
            ]
        repo.close()


def _hit(repo: SqlRepo, cached: Callable[..., object]) -> str:
    repo.forget_records()
    return str(cached(0, 2.0, "x", True))  # noqa: FBT003


def _raw(connection: psycopg.Connection[tuple[object, ...]], ids: Iterator[ArtifactId]) -> object:
    """The whole row by the driver alone, as tuples."""
    cursor = connection.cursor(binary=True)
    return cursor.execute("SELECT * FROM benchmarks.artifacts WHERE id = %s", (next(ids),)).fetchone()
