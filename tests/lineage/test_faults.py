"""What goes wrong on the way is told by what it is called, and everything else is copied."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, an_id, edge_to
from tests.disks import remount, small_disk
from tests.lineage.conftest import open_repo

COUNT = 30
IDS = [an_id(seed) for seed in range(COUNT)]


@pytest.fixture
def source(here):
    """Pairs: each odd one refers to the even one before it."""
    for seed in range(COUNT):
        edges = (edge_to(seed - 1),) if seed % 2 else ()
        here.save(a_draft(seed, [LARGE, seed], edges=edges))
    return here


def path_of(repo, seed):
    return repo.store.path_of(repo[an_id(seed)].record.value_blob.key)


def assert_all_but(team, seeds):
    assert set(team.find_records(IDS)) == set(IDS) - {an_id(seed) for seed in seeds}
    sound = [seed for seed in range(COUNT) if seed not in seeds]
    assert team.batch_get_values(map(an_id, sound)) == [[LARGE, seed] for seed in sound]


def damage(path):
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("harm", "error"), [(damage, p.BlobCorruptError), (Path.unlink, p.BlobNotFoundError)])
def test_a_blob_that_is_damaged_or_missing(source, team, harm, error):
    for seed in (4, 11):
        harm(path_of(source, seed))
    keys = [source[an_id(seed)].record.value_blob.key for seed in (4, 11)]
    with pytest.raises(error, match=f"(?s)3 of {COUNT} artifacts.*{keys[0]}.*{keys[1]}"):
        p.promote(IDS, team)
    assert_all_but(team, {4, 5, 11})
    with pytest.raises(p.BlobNotFoundError, match="3 of 3 artifacts"):  # what is damaged was moved out of the way
        p.promote(IDS, team)
    source.save(a_draft(4, [LARGE, 4]))
    source.save(a_draft(11, [LARGE, 11]))
    p.promote(IDS, team)
    assert_all_but(team, set())


def test_a_file_that_is_damaged_after_it_was_verified(tmp_path, source, team):
    """What a store trusts without looking is verified on its way."""
    trusting = SqlRepo(tmp_path / "here.db", DiskStore(tmp_path / "here-blobs", verify="never"), name="trusting")
    damage(path_of(source, 4))
    with pytest.raises(p.BlobCorruptError, match=f"{source[an_id(4)].record.value_blob.key}.*'trusting'"):
        p.promote(IDS, team, from_repo=trusting)
    assert_all_but(team, {4, 5})


def test_an_artifact_that_is_deleted_meanwhile(source, team, tmp_path):
    other = open_repo(tmp_path, "here")

    def delete(progress):
        if not progress.artifacts and not progress.blobs:
            other.batch_delete([an_id(4), an_id(11)])
            source._cache.reset_after_fork()  # what was seen some seconds ago would still be known

    with pytest.raises(p.ArtifactNotFoundError, match=f"(?s){an_id(4)} was deleted from repo 'here' meanwhile"):
        p.promote(IDS, team, progress=delete)
    assert_all_but(team, {4, 5, 11})


def test_bytes_that_are_deleted_while_they_are_copied(source, team, monkeypatch):
    """Between the look at the file and its reading."""
    original = DiskStore.local_path

    def local_path(self, key):
        path = original(self, key)
        if path == doomed:
            path.unlink()
        return path

    doomed = path_of(source, 4)
    monkeypatch.setattr(DiskStore, "local_path", local_path)
    with pytest.raises(p.BlobNotFoundError, match="was deleted from repo 'here' while it was copied"):
        p.promote(IDS, team)
    assert_all_but(team, {4, 5})


def test_bytes_that_another_process_sweeps_from_the_target_are_sent_again(source, team, tmp_path):
    """They were found there; but the artifact they belonged to was deleted before the rows were written."""
    source.save(a_draft("other", [LARGE, 4]))
    p.promote(an_id("other"), team)
    elsewhere = open_repo(tmp_path, "team")

    def sweep(progress):
        if progress.blobs == 1 and an_id("other") in elsewhere:
            elsewhere.delete(an_id("other"))
            assert list(elsewhere.store.ids()) == []

    p.promote(an_id(4), team, progress=sweep)
    assert team.get_value(an_id(4)) == [LARGE, 4]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_target_that_is_full(source, tmp_path):
    with small_disk(tmp_path / "small", "400k") as folder:
        team = SqlRepo(tmp_path / "team.db", DiskStore(folder / "blobs", name="small"), name="team")
        with pytest.raises(p.StorageError, match=r"(?s)small.*(space|full)"):
            p.promote(IDS, team)
        stored = team.find_records(IDS)
        assert all(team.batch_has_values(list(stored.values())))
        assert list((folder / "blobs/tmp").iterdir()) == []
        remount(folder, "size=4m")
        p.promote(IDS, team)
        assert_all_but(team, set())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")
def test_a_target_that_cannot_be_written(source, tmp_path):
    with small_disk(tmp_path / "small", "400k") as folder:
        team = SqlRepo(tmp_path / "team.db", DiskStore(folder / "blobs", name="small"), name="team")
        remount(folder, "ro")
        with pytest.raises(p.StorageError, match="small"):
            p.promote(IDS, team)
        assert team.find_records(IDS) == {}


def test_threads_that_promote_the_same(source, team):
    made = p.create_set(IDS, "release")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: p.promote(made, team, from_repo=source), range(4)))
    assert results == [made] * 4
    assert_all_but(team, set())


def test_processes_that_promote_the_same(source, team, tmp_path):
    script = Path(__file__).with_name("killed_promotion.py")
    source.put_set(p.ArtifactSet(IDS, "release"))
    attempt = {
        "source": {"folder": str(tmp_path / "here")},
        "target": {"folder": str(tmp_path / "team")},
        "labels": "release",
        "moves": 10_000,
    }
    processes = [
        subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        process.stdin.write(json.dumps(attempt) + "\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in processes]
    assert [json.loads(answer) for answer in answers] == [{"status": 0}] * 3
    assert_all_but(team, set())
    assert len(list(team.store.ids())) == COUNT
    assert len({artifact.record.sequence for artifact in team.batch_get_by_id(IDS)}) == COUNT
