"""Eight processes put 2,000 times each, at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import provenance as p
from provenance.testing.drafts import an_id
from tests.repos.load import seeds, value_of
from tests.repos.test_postgres import count
from tests.repos.together import run_together

ROOT = Path(__file__).parents[2]
PROCESSES = 8
PUTS = 2000


def put_at_once(configuration, puts, tmp_path):
    """Run the processes; what each was told to be stored."""
    script = ROOT / "tests" / "repos" / "load.py"
    reports = [tmp_path / f"report{number}" for number in range(PROCESSES)]
    commands = [
        [sys.executable, script, json.dumps(configuration), str(number), str(puts), report]
        for number, report in enumerate(reports)
    ]
    # What is measured is whether everything is stored, not which lines run.
    assert set(run_together(commands, without=("COV_", "COVERAGE"))) == {b""}
    return [json.loads(report.read_text()) for report in reports]


def check(configuration, puts, acknowledged):
    """Every acknowledged put is readable and verifies, and there is one row for each id."""
    repo = p.from_config(configuration)["default_repo"]
    expected = {an_id(seed): seed for number in range(PROCESSES) for seed in seeds(number, puts)}
    told = {}
    for each in acknowledged:
        for artifact_id, stored in each.items():
            assert told.setdefault(artifact_id, stored) == stored  # everybody was told of the same row
    assert set(told) == set(expected)
    assert count(repo, "artifacts") == len(expected)
    records = repo.find_records(list(expected))
    assert len(records) == len(expected)
    blobs = {record.value_blob.key: value_of(expected[record.id]) for record in records.values()}
    assert set(repo.blobs_there(list(blobs))) == set(blobs)
    ids = list(expected)
    for first in range(0, len(ids), 500):
        several = ids[first : first + 500]
        assert repo.batch_get_values(several) == [value_of(expected[key]) for key in several]


@pytest.mark.timeout(600)
def test_sqlite_and_disk(tmp_path):
    configuration = {
        "blobstores": {"files": {"type": "disk", "cachedir": str(tmp_path / "files")}},
        "artifact_repos": {"repo": {"type": "sqlite", "db": str(tmp_path / "repo.db"), "store": "files"}},
    }
    check(configuration, PUTS, put_at_once(configuration, PUTS, tmp_path))


@pytest.mark.timeout(600)
def test_postgres_and_disk(postgres, tmp_path):
    configuration = {
        "blobstores": {"files": {"type": "disk", "cachedir": str(tmp_path / "files")}},
        "artifact_repos": {
            "repo": {"type": "postgres", "db": postgres.url("load"), "schema": "disk", "store": "files"},
        },
    }
    check(configuration, PUTS, put_at_once(configuration, PUTS, tmp_path))


@pytest.mark.timeout(1200)
def test_postgres_and_s3(postgres, s3, tmp_path):
    files = {
        "type": "s3",
        "basepath": f"{s3.bucket}/load-{os.getpid()}",
        "storage_options": s3.storage_options,
        "cachedir": str(tmp_path / "cache"),
    }
    configuration = {
        "blobstores": {"files": files},
        "artifact_repos": {
            "repo": {"type": "postgres", "db": postgres.url("load"), "schema": "s3", "store": "files"},
        },
    }
    acknowledged = put_at_once(configuration, PUTS, tmp_path)
    check(
        {**configuration, "blobstores": {"files": {**files, "cachedir": str(tmp_path / "fresh")}}}, PUTS, acknowledged
    )
