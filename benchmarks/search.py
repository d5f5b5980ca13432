"""Pages of searches with ten thousand and with a hundred thousand artifacts: ``python -m benchmarks.search``."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import provenance as p
from provenance.blobstores import MemoryStore
from provenance.hashing import hash_value
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.records import parameters
from provenance.repos.sql.statements.texts import statements
from provenance.testing.drafts import a_draft, an_id
from provenance.types import ArtifactId, ArtifactRecord

PAGE = 50
MOST = 1.5
SEARCHES: Mapping[str, dict[str, Any]] = {
    "name and tags": {"name": "f1", "tags": "t3"},
    "function and custom fields": {"fn": "tests:f", "custom_fields": {"part": {"n": 8}}},
    "name and one input in fifty": {"name": "f1", "inputs": {"x": 1}},
    "tags and time": {"tags": "t3", "since": "2026-01-01"},
    "two custom fields, by time": {"custom_fields": {"part": {"n": 8}}, "tags": "t3", "order_by": "-computed_at"},
}


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds for one page (medians) with few and many artifacts."""

    database: str
    search: str
    few_seconds: float
    many_seconds: float
    ratio: float
    plan: list[str]


def fill(
    repo: SqlRepo,
    number: int,
    template: ArtifactRecord | None = None,
    id_of: Callable[[int], ArtifactId] = an_id,
) -> None:
    """Store rows like one that is stored, as quickly as the database takes them."""
    database = repo._rows._database  # type: ignore[attr-defined]  # noqa: SLF001  below the repo, which would take minutes
    if template is None:
        template = repo.save(a_draft("first"))
    dialect = database.dialect
    insert: str = statements("WriteStatements", dialect).insert_artifact
    for start in range(0, number, 10_000):
        seeds = range(start, min(start + 10_000, number))
        rows = [parameters(_like(template, seed, id_of(seed)), dialect) for seed in seeds]
        with database.writing() as transaction:
            transaction.executemany(insert.partition(" RETURNING")[0], rows)


def _like(template: ArtifactRecord, seed: int, key: ArtifactId) -> ArtifactRecord:
    """A record that differs in what it is found by."""
    return template._replace(
        id=key,
        name=f"f{seed % 3}",
        custom_fields={"tags": [f"t{seed % 5}", "all"], "part": {"n": seed % 10}},
        input_hashes={"kargs['x']": hash_value(seed % 50), "kargs['y']": hash_value(seed)},
        recipe=None,
    )


@contextmanager
def repos(folder: Path, number: int) -> Iterator[dict[str, SqlRepo]]:
    """A filled repo on each database."""
    from tests.servers.postgres import postgres_server  # noqa: PLC0415  the server that tests use

    with postgres_server() as started:
        server: Any = started
        made = {
            "sqlite": SqlRepo(folder / f"{number}.db", MemoryStore(), name=f"sqlite {number}"),
            "postgresql": SqlRepo(server.url("search"), MemoryStore(), name=f"postgresql {number}"),
        }
        for repo in made.values():
            fill(repo, number)
            p.find(tags="all", limit=1, repo=repo).first()  # which brings the index up to date
        rows: Any = made["postgresql"]._rows  # noqa: SLF001
        with rows._database.writing() as transaction:  # noqa: SLF001
            transaction.execute("ANALYZE")  # as the server does by itself after a while
        yield made
        for repo in made.values():
            repo.close()


def plan(repo: SqlRepo, asked: dict[str, Any]) -> list[str]:
    """How the database finds the first page."""
    database: Any = repo._rows._database  # type: ignore[attr-defined]  # noqa: SLF001
    statements: list[tuple[str, Any]] = []
    original = database.fetch_all

    def noted(sql: str, given: Any = ()) -> Any:
        statements.append((sql, given))
        return original(sql, given)

    database.fetch_all = noted
    try:
        list(p.find(**asked, limit=PAGE, repo=repo))
    finally:
        del database.fetch_all
    sql, given = statements[-1]
    explain = "EXPLAIN QUERY PLAN " if database.dialect.name == "sqlite" else "EXPLAIN "
    return [str(line[-1]) for line in database.fetch_all(explain + sql, given)]


def seconds(repo: SqlRepo, asked: dict[str, Any], rounds: int) -> float:
    """The median time of a first page."""
    timings = []
    for _ in range(rounds + 1):
        started = perf_counter()
        rows = list(iter(p.find(**asked, limit=PAGE, repo=repo)))
        timings.append(perf_counter() - started)
    assert rows  # noqa: S101  something is found
    return statistics.median(timings[1:])


def measure(few: int, many: int, rounds: int) -> list[Row]:
    """Time every search on every database with both numbers of artifacts."""
    found: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        repos(Path(folder), few) as small,
        repos(Path(folder), many) as large,
    ):
        for database in small:
            for search, asked in SEARCHES.items():
                # In turn, so that a machine whose speed drifts slows both.
                pairs = [
                    (seconds(small[database], asked, 3), seconds(large[database], asked, 3)) for _ in range(rounds)
                ]
                few_seconds, many_seconds = (statistics.median(column) for column in zip(*pairs, strict=True))
                ratio = statistics.median(second / first for first, second in pairs)
                found.append(Row(database, search, few_seconds, many_seconds, ratio, plan(large[database], asked)))
    return found


def main() -> None:
    """Measure, print a table with the plans, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="few artifacts, to see that it runs")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each (default 9)")
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    few, many = (100, 1_000) if options.tiny else (10_000, 100_000)
    rows = measure(few, many, 1 if options.tiny else options.rounds)
    for row in rows:
        verdict = "" if options.tiny else " reached" if row.ratio <= MOST else " not reached"
        print(
            f"{row.database:<12}{row.search:<36}{row.few_seconds * 1e3:>8.2f} ms{row.many_seconds * 1e3:>8.2f} ms"
            f"{row.ratio:>7.2f}x <= {MOST}x{verdict}"
        )
        print("\n".join(f"    {line}" for line in row.plan))
    if options.json:
        report = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "artifacts": [few, many],
            "rows": [asdict(row) for row in rows],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
