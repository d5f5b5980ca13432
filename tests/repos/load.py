"""What each process of the load tests does: many puts, a part of them of artifacts that others put as well."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import provenance as p
from provenance.testing.drafts import a_draft, an_id

SHARED = 100
"""How many artifacts every process puts; each of them several times."""


def value_of(seed):
    """A value that is too large for a row."""
    return f"{seed} " * (20_000 // len(f"{seed} "))


def seeds(number, puts):
    """What process `number` puts: every second one is put by all, in another order."""
    for put in range(puts):
        yield ("shared", (put * 7 + number * 13) % SHARED) if put % 2 else ("own", number, put % (puts // 4))


def main(configuration: str, number: int, puts: int, report: Path) -> None:
    repo = p.from_config(json.loads(configuration))["default_repo"]
    sys.stdin.readline()
    acknowledged = {}
    for seed in seeds(number, puts):
        record = repo.save(a_draft(seed, value_of(seed)))
        assert record.id == an_id(seed)
        acknowledged[record.id] = (record.sequence, record.value_blob.key)
    report.write_text(json.dumps(acknowledged))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
