"""Copying artifacts with all that is behind them to another repo."""

from __future__ import annotations

import numpy as np
import pytest

import provenance as p
from provenance.blobstores import DiskStore, FsspecStore, MemoryStore
from provenance.repos import base
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to

pytestmark = pytest.mark.usefixtures("here")


@p.provenance()
def source(n):
    return np.arange(float(n))


@p.provenance()
def inner(x):
    return float(x.sum())


@p.provenance(tags=["t"])
def outer(a, b):
    return [inner(a), inner(b)]


def test_everything_behind_an_artifact_is_copied_once(team):
    result = outer(source(10_000), source(3))
    promoted = p.promote(result, team)
    assert promoted.repo is team
    wanted = [a.id for a in p.dependencies(result)]
    assert len(wanted) == 5
    assert [a.id for a in team.batch_get_by_id(wanted)] == wanted
    with p.using_repo(team):
        loaded = p.load_proxy(result.artifact.id)
        assert loaded == [float(np.arange(10_000).sum()), 3.0]
        assert loaded.artifact.inputs["kargs"]["a"].artifact.repo is team
        assert p.dependencies(loaded) == p.dependencies(result)
    assert promoted.record.value_id == result.artifact.value_id
    assert promoted.tags == ["t"]
    assert promoted.run_info == result.artifact.run_info
    assert promoted.durations == result.artifact.durations
    assert promoted.computed_at == result.artifact.computed_at


def test_a_second_promotion_moves_nothing(team, monkeypatch):
    result = outer(source(10_000), source(3))
    p.promote(result, team)
    monkeypatch.setattr(team, "put_each", None)
    monkeypatch.setattr(DiskStore, "put", None)
    assert p.promote(result.artifact.id, team).id == result.artifact.id
    assert p.promote(result, team, dry_run=True) == p.Transfer(already_there=5)


def test_references_are_stored_before_what_refers_to_them(team, here):
    ids = [here.save(a_draft(seed, edges=(edge_to(seed + 1),) if seed < 20 else ())).id for seed in range(21)]
    p.promote(ids[0], team)
    assert [a.id for a in sorted(team.batch_get_by_id(ids), key=lambda a: a.record.sequence)] == ids[::-1]


def test_bytes_are_copied_without_unpickling(team, monkeypatch):
    result = source(10_000)
    monkeypatch.setattr(base, "unpack", None)
    p.promote(result, team)
    assert team.store.get(result.artifact.record.value_blob.key)


def test_bytes_that_are_there_are_not_sent_again(team, here, monkeypatch):
    for seed in range(3):
        here.save(a_draft(seed, LARGE))
    p.promote(an_id(0), team)
    assert p.promote([an_id(1), an_id(2)], team, dry_run=True) == p.Transfer(artifacts=2)
    monkeypatch.setattr(DiskStore, "put", None)
    p.promote([an_id(1), an_id(2)], team)
    assert team.get_value(an_id(2)) == LARGE


def test_bytes_that_are_lost_in_the_target_are_sent_again(team, here):
    key = here.save(a_draft(1, LARGE)).value_blob.key
    p.promote(an_id(1), team)
    team.store.delete(key)
    assert p.promote(an_id(1), team, dry_run=True).artifacts == 1
    p.promote(an_id(1), team)
    assert team.get_value(an_id(1)) == LARGE


def test_lost_bytes_come_from_the_repo_that_has_them(team, here):
    """Also where the target, which has the row, would be asked first."""
    key = here.save(a_draft(1, LARGE)).value_blob.key
    p.promote(an_id(1), team)
    team.store.delete(key)
    p.state.change(repos={"here": here})
    with p.using_repo(team):
        p.promote(an_id(1), team)
    assert team.get_value(an_id(1)) == LARGE


def test_a_local_cache_does_not_count_as_the_store(tmp_path, here):
    """Somebody else may have deleted from the store what is in one's own cache."""
    url = (tmp_path / "far").as_uri()
    far = MemoryRepo(FsspecStore(url, cachedir=tmp_path / "cache"), name="far")
    key = here.save(a_draft(1, LARGE)).value_blob.key
    p.promote(an_id(1), far)
    FsspecStore(url).delete(key)
    assert key in far.store
    assert p.promote(an_id(1), far, dry_run=True).blobs == 1
    p.promote(an_id(1), far)
    assert key in FsspecStore(url)


def test_all_recipe_keys_are_copied_but_no_forgotten_one(team, here):
    here.save(a_draft(1, recipe=a_recipe(1)))
    here.save(a_draft(2, recipe=a_recipe(2)))
    here.add_recipes({a_recipe("more"): an_id(1)})
    given = here.batch_get_by_id([an_id(1), an_id(2)])
    here.remove_recipes([an_id(2)])
    p.promote(given, team)
    found = team.find_recipes(map(a_recipe, (1, 2, "more")))
    assert {key: record.id for key, record in found.items()} == {a_recipe(1): an_id(1), a_recipe("more"): an_id(1)}
    assert team[an_id(2)].record.recipe is None


def test_a_set_is_promoted_with_its_members(team):
    made = p.create_set([outer(source(1), source(2))], {"name": "release", "n": 1})
    assert p.promote(made, team, dry_run=True) == p.Transfer(artifacts=5, sets=1, labels=1)
    promoted = p.promote(made, team)
    assert promoted == made
    assert team.get_set_by_labels("release") == made
    assert team.get_set_by_id(made.id).created_at == made.created_at
    assert len(team.find_records(list(made))) == 1


def test_a_set_that_is_the_latest_is_not_saved_again(team, monkeypatch):
    older, newer = p.create_set([source(1)], "release"), p.create_set([source(2)], "release")
    p.promote(older, team)
    p.promote(newer, team)
    assert p.promote(newer, team, dry_run=True) == p.Transfer(already_there=1)
    assert p.promote(older, team, dry_run=True) == p.Transfer(already_there=1, labels=1)
    p.promote(older, team)
    assert team.get_set_by_labels("release").id == older.id
    unlabelled = p.create_set([source(1), source(2)])
    p.promote(unlabelled, team)
    monkeypatch.setattr(team, "save_set", None)
    assert p.promote(older, team) == older
    assert p.promote(unlabelled, team) == unlabelled


def test_several_artifacts_are_promoted_in_their_order(team):
    results = [source(3), source(1).artifact, source(2).artifact.id, source(3)]
    promoted = p.promote(iter(results), team)
    assert [a.value.size for a in promoted] == [3, 1, 2, 3]
    assert {a.repo for a in promoted} == {team}
    assert p.promote([], team) == []


def test_from_repo_says_where_to_look(team):
    elsewhere = MemoryRepo(name="elsewhere")
    with p.using_repo(elsewhere):
        artifact = source(1).artifact
    p.promote(artifact.id, team, from_repo=elsewhere)
    assert artifact.id in team
    with pytest.raises(p.ArtifactNotFoundError, match="elsewhere"):
        p.promote(source(2).artifact.id, team, from_repo=elsewhere)


def test_artifacts_of_repos_that_are_not_configured_are_found(team):
    elsewhere = [MemoryRepo(name=str(n)) for n in range(2)]
    given = []
    for number, repo in enumerate(elsewhere):
        with p.using_repo(repo):
            given.append(inner(source(number + 5)))
    p.promote(given, team)
    assert len(team.find_records([a.id for result in given for a in (result.artifact, *p.dependencies(result))])) == 4


def test_a_repo_has_a_name(team, here):
    p.state.change(repos={"shared": team, "mine": here})
    artifact = source(1).artifact
    assert p.promote(artifact.id, "shared", from_repo="mine").repo is team
    with pytest.raises(p.ConfigError, match="unknown"):
        p.promote(artifact.id, "unknown")


@pytest.mark.parametrize("denied", ["read", "write"])
def test_a_target_that_may_not_be_used_says_so(denied):
    with pytest.raises(p.PermissionDeniedError, match=f"{denied}: true"):
        p.promote(source(1), MemoryRepo(name="closed", **{denied: False}))


def test_a_dry_run_tells_what_would_move_and_writes_nothing(team):
    result = outer(source(10_000), source(3))
    size = result.artifact.repo[p.dependencies(result)[0]].record.value_blob.size
    assert p.promote(result, team, dry_run=True) == p.Transfer(artifacts=5, blobs=1, bytes=size)
    assert list(team.store.ids()) == []
    assert result.artifact.id not in team


def test_progress_is_told(team, here):
    for seed in range(450):
        here.save(a_draft(seed, [LARGE, seed % 3] if seed < 9 else seed))
    told = []
    p.promote([an_id(seed) for seed in range(450)], team, progress=told.append)
    last = told[-1]
    assert (last.artifacts, last.artifacts_total, last.blobs, last.blobs_total) == (450, 450, 3, 3)
    assert last.bytes == last.bytes_total == sum(len(team.store.get(key)) for key in team.store.ids())
    assert [one.artifacts for one in told] == sorted(one.artifacts for one in told)
    assert [one.blobs for one in told[:4]] == [0, 1, 2, 3]
    assert {one.artifacts for one in told} == {0, 200, 400, 450}


def test_whoever_is_told_can_stop_it_and_it_goes_on(team, here):
    for seed in range(250):
        here.save(a_draft(seed, [LARGE, seed], edges=(edge_to(seed - 1),) if seed else ()))

    def stop(progress):
        if progress.artifacts == 200 and progress.blobs > 210:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        p.promote(an_id(249), team, progress=stop)
    stored = team.find_records([an_id(seed) for seed in range(250)])
    assert set(stored) == {an_id(seed) for seed in range(200)}
    foretold = p.promote(an_id(249), team, dry_run=True)
    assert foretold.artifacts == 50
    assert foretold.blobs < 40
    p.promote(an_id(249), team)
    assert team.batch_get_values(an_id(seed) for seed in range(250)) == [[LARGE, seed] for seed in range(250)]


def test_a_chain_is_promoted_to_and_from(here, tmp_path):
    near, far = MemoryRepo(name="near"), MemoryRepo(MemoryStore(name="far"), name="far")
    chain = ChainedRepo([near, far], name="chain")
    result = outer(source(10_000), source(3))
    foretold = p.promote(result, chain, dry_run=True)
    assert (foretold.artifacts, foretold.blobs) == (5, 1)
    promoted = p.promote(result, chain)
    assert promoted.repo is chain
    assert p.promote(result, chain, dry_run=True) == p.Transfer(already_there=5)
    ids = [a.id for a in p.dependencies(result)]
    for member in (near, far):
        assert len(member.find_records(ids)) == 5
    near.store.delete(near[ids[0]].record.value_blob.key)
    target = MemoryRepo(name="target")
    p.promote(ids[-1], target, from_repo=chain)
    assert len(target[ids[0]].value) == 10_000


def test_what_a_search_found_is_promoted(team):
    wanted = [inner(source(n)) for n in (1, 2)]
    outer(source(3), source(4))
    promoted = p.promote(p.find(name="inner", order_by="computed_at"), team)
    assert {one.id for one in promoted} >= {one.artifact.id for one in wanted}
    assert {one.name for one in promoted} == {"inner"}
    assert p.promote(p.find(name="inner"), team, dry_run=True) == p.Transfer(already_there=8)
