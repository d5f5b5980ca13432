"""The same artifacts and the same question give the same rows in memory, on SQLite, on PostgreSQL, and in a chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import provenance as p
from provenance.blobstores import MemoryStore
from provenance.hashing import hash_value
from provenance.repos.chained import ChainedRepo
from provenance.repos.containment import contains, stored_items, wanted_items
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft, an_id
from provenance.types import Durations, InputEdge, RunRecord

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, "1", "", "a\0", "é%'"])
KEYS = st.sampled_from(["a", "b", "tags", "a.b", ""])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)
NAMES = st.sampled_from(["f", "g", "f%"])
HOURS = st.integers(-2, 2)
INPUTS = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([1, 1.0, "1"]), max_size=2)
EARLIER = st.lists(st.integers(0, 3), max_size=2)
COLUMNS = st.sampled_from(["sequence", "computed_at", "name", "compute_duration", "size"])
ARTIFACTS = st.tuples(NAMES, st.sampled_from([1, "1"]), NAMES, OBJECTS, INPUTS, EARLIER, HOURS, st.sampled_from("rs"))
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "version": st.sampled_from([1, "1"]),
        "fn": st.sampled_from(["f", "g", "m:f", "m.g", "other:f"]),
        "tags": st.sampled_from(["1", "", "a\0"]),
        "custom_fields": OBJECTS.filter(lambda fields: isinstance(fields.get("tags", []), list)),
        "inputs": INPUTS,
        "input_artifact": st.integers(0, 3).map(an_id),
        "run": st.sampled_from("rs"),
        "label": st.sampled_from(["odd", "even"]),
        "since": HOURS.map(lambda hours: NOON + timedelta(hours=hours)),
        "until": HOURS.map(lambda hours: NOON + timedelta(hours=hours)),
        "order_by": st.tuples(st.sampled_from(["", "-"]), COLUMNS).map("".join),
        "limit": st.integers(0, 5),
    },
)


class Repos:
    """One repo of each kind, which hold the same artifacts, ever more of them."""

    def __init__(self, folder, postgres):
        self.number = 0
        sqlite = SqlRepo(folder / "repo.db", MemoryStore())
        reader = SqlRepo(folder / "repo.db", sqlite.store, name="reader", write=False)
        self.all = {
            "memory": MemoryRepo(),
            "sqlite": sqlite,
            "postgres": SqlRepo(postgres.url("laws"), MemoryStore(), schema="laws"),
            "chain": ChainedRepo([MemoryRepo(), MemoryRepo()]),
        }
        self.reader = reader

    def add(self, artifact):
        name, version, fn_name, fields, inputs, earlier, hours, run = artifact
        seed, self.number = self.number, self.number + 1
        draft = a_draft(
            seed,
            "x" * (seed % 3),
            name=name,
            version=version,
            fn_module="m",
            fn_name=fn_name,
            custom_fields=fields,
            input_hashes={f"kargs[{key!r}]": hash_value(value) for key, value in inputs.items()},
            edges=tuple(InputEdge(f"kargs['z'][{place}]", an_id(number)) for place, number in enumerate(earlier)),
            computed_at=NOON + timedelta(hours=hours, seconds=seed),
            durations=Durations(compute=seed % 4),
            run_id=run,
        )
        draft = replace(draft, run=RunRecord(run, {"host": run}))
        for repo in self.all.values():
            repo.save(draft)
            if seed % 7 < 2:
                repo.put_set(p.ArtifactSet([an_id(seed)], ["even", "odd"][seed % 2]))


@pytest.fixture(scope="module")
def repos(tmp_path_factory, postgres):
    return Repos(tmp_path_factory.mktemp("laws"), postgres)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ARTIFACTS, max_size=2), QUESTIONS)
def test_every_repo_gives_the_same_rows(repos, artifacts, question):
    for artifact in artifacts:
        repos.add(artifact)
    # Before the index of the other one knows the new rows.
    found = {"reader": [row.id for row in p.find(**question, repo=repos.reader)]}
    for name, repo in repos.all.items():
        rows = p.find(**question, repo=repo)
        found[name] = [row.id for row in rows]
        assert rows.count() == len(found[name])
    if question.get("order_by", "-sequence").lstrip("-") == "sequence":
        # Members of the chain are merged by time.
        assert set(found.pop("chain")) == set(found["memory"]) or "limit" in question
    for name, ids in found.items():
        assert ids == found["memory"], name


@settings(max_examples=400, deadline=None)
@given(OBJECTS, OBJECTS)
def test_items_tell_what_contains_what(stored, wanted):
    has_all = wanted_items(wanted, {}, ()) <= stored_items(stored, {}, ())
    assert has_all == contains(stored, wanted)


@settings(max_examples=100, deadline=None)
@given(OBJECTS)
def test_everything_contains_itself_and_nothing(stored):
    assert contains(stored, stored)
    assert contains(stored, {})
