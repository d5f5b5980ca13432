"""A promotion that is killed at any point goes on when it is called again."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import provenance as p
from provenance.blobstores import DiskStore, FsspecStore
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import RUN, a_draft, a_recipe, an_id, edge_to

SIZES = (600, 300, 100)
BLOBS = sum(size // 10 for size in SIZES)
KILLS = 10


def value_of(level, number):
    """One in ten is larger than what is kept in a row."""
    return [level, number, "x" * (20_000 if number % 10 == 0 else 100)]


def fill(repo):
    """Artifacts on three levels, and a set of those on the last one."""
    elsewhere = MemoryRepo()
    for level, size in enumerate(SIZES):
        for number in range(size):
            below = range(number * SIZES[level - 1] // size, (number + 1) * SIZES[level - 1] // size) if level else ()
            edges = tuple(edge_to((level - 1, other)) for other in below)
            seed = (level, number)
            elsewhere.save(
                a_draft(seed, value_of(*seed), edges=edges, recipe=a_recipe(seed), custom_fields={"n": number})
            )
    repo.batch_put(elsewhere.batch_get_by_id(IDS.values()))
    return repo.put_set(p.ArtifactSet([an_id((2, number)) for number in range(SIZES[2])], "release"))


IDS = {(level, number): an_id((level, number)) for level, size in enumerate(SIZES) for number in range(size)}


@contextmanager
def promoter():
    script = Path(__file__).with_name("killed_promotion.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def attempt(source, target, moves):
            asked = {"source": source, "target": target, "labels": "release", "moves": moves}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield attempt


def opened(place):
    if "folder" in place:
        return SqlRepo(f"{place['folder']}.db", DiskStore(f"{place['folder']}-blobs"), name="disk")
    store = FsspecStore(place["url"], place["storage_options"], name="s3")
    return SqlRepo(place["db"], store, schema=place["schema"], name="postgres")


def stored_and_closed(repo):
    """How many artifacts and blobs are there; no artifact is without its blob or without what it refers to."""
    records = repo._rows.records(list(IDS.values()))  # what the database has, not what the repo remembers
    blobs = set(repo.store.ids())
    assert {edge.artifact_id for record in records.values() for edge in record.edges} <= records.keys()
    assert {record.value_blob.key for record in records.values() if record.value_blob is not None} <= blobs
    return len(records), len(blobs)


def killed_and_repeated(source, target, rng):
    """Kill it at points that are spread over what there is to be moved, then let it end."""
    repo = opened(target)
    killed = 0
    with promoter() as attempt:
        for left in range(KILLS, 0, -1):
            artifacts, blobs = stored_and_closed(repo)
            to_move = BLOBS - blobs + (len(IDS) - artifacts) // 200
            ended = attempt(source, target, rng.randint(1, max(1, 2 * to_move // (left + 1))))
            assert ended["status"] in (0, -signal.SIGKILL), ended
            killed += ended["status"] != 0
        assert killed >= KILLS // 2
        stored_and_closed(repo)
        assert attempt(source, target, 10_000) == {"status": 0}
    assert_complete(opened(source), opened(target))


def assert_complete(source, target):
    ids = list(IDS.values())
    there, here = target.batch_get_by_id(ids), source.batch_get_by_id(ids)
    assert [one.record._replace(sequence=0) for one in there] == [one.record._replace(sequence=0) for one in here]
    assert len({one.record.sequence for one in there}) == len(ids)
    assert target.batch_get_values(ids) == [value_of(*seed) for seed in IDS]
    assert sorted(target.store.ids()) == sorted(source.store.ids())
    assert all(len(data) > 20_000 for data in target.store.batch_get(target.store.ids()))
    assert set(target.recipes_of(ids)) == {a_recipe(seed) for seed in IDS}
    assert target.find_run(RUN.id) == RUN
    wanted = source.get_set_by_labels("release")
    assert target.get_set_by_labels("release") == wanted
    assert [(event.set_id, event.labels) for event in target.label_history()] == [(wanted.id, {"name": "release"})]
    assert p.promote(wanted, target, from_repo=source, dry_run=True) == p.Transfer(already_there=len(ids))


@pytest.fixture
def here(tmp_path):
    place = {"folder": str(tmp_path / "here")}
    opened(place)
    return place


@pytest.fixture
def team(request, postgres, s3):
    name = request.node.name[-20:]
    place = {"db": postgres.url("killed"), "schema": name, "url": s3.url(name), "storage_options": s3.storage_options}
    opened(place)
    return place


@pytest.mark.timeout(300)
def test_killed_on_the_way_from_disk_to_the_team(here, team):
    fill(opened(here))
    killed_and_repeated(here, team, random.Random(1))


@pytest.mark.timeout(300)
def test_killed_on_the_way_from_the_team_to_disk(here, team):
    fill(opened(team))
    killed_and_repeated(team, here, random.Random(2))
