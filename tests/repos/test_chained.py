"""A chain: what one member lacks the next one has, and what is found is copied as it is."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import provenance as p
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.proxy import reference_proxy
from provenance.blobstores import DiskStore, MemoryStore
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    LeaseLostError,
    PermissionDeniedError,
    RepoUnreachableError,
    TierUnavailableError,
)
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to


class Asked(MemoryRepo):
    """Remembers what it was asked for."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = []

    def find_records(self, ids):
        self.asked.append(sorted(ids))
        return super().find_records(ids)


@pytest.fixture
def near():
    return MemoryRepo(name="near")


@pytest.fixture
def far():
    return MemoryRepo(name="far")


@pytest.fixture
def chain(near, far):
    return ChainedRepo([near, far])


def damage(store, key):
    path = store.cachedir / key[:2] / key[2:]
    path.chmod(0o600)
    path.write_bytes(b"other bytes")


def test_the_next_repo_is_asked_only_for_what_is_missing(near):
    far = Asked()
    near.save(a_draft(1))
    far.save(a_draft(2))
    chain = ChainedRepo([near, far])
    assert set(chain.find_records([an_id(1), an_id(2), an_id(3)])) == {an_id(1), an_id(2)}
    assert far.asked[0] == sorted([an_id(2), an_id(3)])
    far.asked.clear()
    assert set(chain.find_records([an_id(1), an_id(2)])) == {an_id(1), an_id(2)}
    assert far.asked == []


def test_what_lies_in_its_row_is_copied_when_it_is_found(chain, near, far):
    for seed in (1, 2):
        far.save(a_draft(seed, seed, recipe=a_recipe(seed)))
    assert an_id(1) in chain
    assert an_id(1) in near
    assert set(chain.find_recipes([a_recipe(2)])) == set(near.find_recipes([a_recipe(2)])) == {a_recipe(2)}


def test_larger_bytes_are_copied_when_they_are_read(chain, near, far):
    record = far.save(a_draft(1, LARGE, serializer="cloudpickle"))
    assert chain.has_value(record)
    assert chain.get_by_id(record.id).record == record
    assert record.id not in near
    assert chain.get_value(record.id) == LARGE
    assert near.find_records([record.id])[record.id]._replace(sequence=record.sequence) == record
    assert near.get_value(record.id) == LARGE


@pytest.mark.parametrize("options", [{"read_through_write": False}, {"write": False}])
def test_members_that_take_no_copies_get_none(far, options):
    near = MemoryRepo(**options)
    far.save(a_draft(1, LARGE))
    far.save(a_draft(2, 5))
    chain = ChainedRepo([near, far])
    assert (chain.get_value(an_id(1)), chain.get_value(an_id(2))) == (LARGE, 5)
    assert near.find_records([an_id(1), an_id(2)]) == {}


def test_a_chain_may_forbid_copies(near, far):
    far.save(a_draft(1, 5))
    assert ChainedRepo([near, far], read_through_write=False).get_value(an_id(1)) == 5
    assert an_id(1) not in near


def test_a_copy_that_cannot_be_made_is_reported_only(far, caplog):
    near = MemoryRepo(MemoryStore(write=False), name="full")
    far.save(a_draft(1, LARGE))
    with caplog.at_level(logging.WARNING, "provenance.repos"):
        assert ChainedRepo([near, far]).get_value(an_id(1)) == LARGE
    assert "'full' took no copy from 'far'" in caplog.text
    assert an_id(1) not in near


def test_what_is_damaged_in_one_member_is_read_from_the_next_and_repaired(tmp_path, far):
    store = DiskStore(tmp_path, verify="always")
    near = MemoryRepo(store)
    chain = ChainedRepo([near, far])
    record = chain.save(a_draft(1, LARGE))
    damage(store, record.value_blob.key)
    assert chain.get_value(record.id) == LARGE
    assert near.get_value(record.id) == LARGE


def test_what_is_damaged_everywhere_is_an_error(tmp_path):
    stores = [DiskStore(tmp_path / name, verify="always") for name in "ab"]
    chain = ChainedRepo([MemoryRepo(store) for store in stores])
    record = chain.save(a_draft(1, LARGE))
    for store in stores:
        damage(store, record.value_blob.key)
    with pytest.raises(BlobCorruptError):
        chain.load_value(record)
    assert not chain.has_value(record)
    with pytest.raises(BlobNotFoundError, match="in no member"):
        chain.load_value(record._replace(id=an_id("unknown")))


def test_each_member_reads_its_bytes_its_own_way(chain, near, far):
    """The same value can have been stored by different serializers."""
    mine = near.save(a_draft(1, LARGE))
    draft = a_draft(1, LARGE, serializer="cloudpickle")
    far.save(replace(draft, value=pack([LARGE], "cloudpickle", {})))
    near.store.delete(mine.value_blob.key)
    assert chain.has_value(mine)
    assert chain.load_value(mine) == [LARGE]
    assert near.find_records([mine.id])[mine.id].serializer == "cloudpickle"


def test_a_row_without_its_bytes_does_not_hide_a_sound_one(chain, near, far, monkeypatch):
    monkeypatch.setattr("provenance.repos.single.INLINE_LIMIT", 1 << 20)
    lost = near.save(a_draft(1, 5))
    far.save(a_draft(1, 5))
    near._rows._artifacts[lost.id] = lost._replace(value_inline=None)  # as a damaged row is read
    near._cache.drop([lost.id])
    assert chain.find_records([lost.id])[lost.id].value_inline is not None
    assert near.get_value(lost.id) == 5


def test_a_result_is_stored_in_every_repo_that_may_be_written(near, far):
    fixed = MemoryRepo(write=False)
    record = ChainedRepo([near, fixed, far]).save(a_draft(1, LARGE))
    assert near.get_value(record.id) == far.get_value(record.id) == LARGE
    assert record.id not in fixed
    assert far.find_records([record.id])[record.id].computed_at == record.computed_at


def test_a_member_that_fails_does_not_keep_others_from_storing(far):
    full = MemoryRepo(MemoryStore(write=False))
    chain = ChainedRepo([full, far])
    with pytest.raises(PermissionDeniedError):
        chain.save(a_draft(1, LARGE))
    assert far.get_value(an_id(1)) == LARGE


def test_all_members_get_the_value_that_was_first(chain, near, far):
    near.save(a_draft(1, "first"))
    record = chain.save(a_draft(1, "second"))
    assert chain.get_value(record.id) == near.get_value(record.id) == far.get_value(record.id) == "first"


def test_a_value_that_lies_in_one_member_is_copied_to_the_others(chain, near, far):
    first = near.save(replace(a_draft(1, LARGE), value_extension=".x"))
    again = a_draft(2, LARGE, value_blob=first.value_blob)
    chain.save(replace(again, value=None))
    assert near.get_value(an_id(2)) == far.get_value(an_id(2)) == LARGE
    lost = first.value_blob._replace(key=an_id("lost") + ".x")
    with pytest.raises(BlobNotFoundError):
        chain.save(replace(a_draft(3, LARGE, value_blob=lost), value=None))


def test_without_a_member_that_may_be_written_nothing_is_stored():
    chain = ChainedRepo([MemoryRepo(write=False), MemoryRepo(write=False)], name="fixed")
    assert not chain.permissions.write
    with pytest.raises(PermissionDeniedError, match="chained repo 'fixed', or every member of it"):
        chain.save(a_draft(1))


def test_it_is_deleted_where_that_is_permitted(near):
    archive = MemoryRepo(delete=False)
    chain = ChainedRepo([near, archive])
    chain.save(a_draft(1, recipe=a_recipe(1)))
    artifact_set = chain.put_set(p.ArtifactSet([an_id(1)]))
    chain.delete(an_id(1))
    chain.delete_set(artifact_set)
    assert near.find_records([an_id(1)]) == near.find_recipes([a_recipe(1)]) == {}
    assert not near.contains_set(artifact_set)
    assert an_id(1) in archive
    assert archive.contains_set(artifact_set)


def test_recipe_keys_are_forgotten_along_a_lineage_through_several_members(chain, near, far):
    near.save(a_draft(1, recipe=a_recipe(1)))
    far.save(a_draft(2, edges=(edge_to(1),), recipe=a_recipe(2)))
    near.save(a_draft(3, edges=(edge_to(2),), recipe=a_recipe(3)))
    far.save(a_draft(4, edges=(edge_to(3),), recipe=a_recipe(4)))
    chain.delete(an_id(1))
    keys = [a_recipe(seed) for seed in (1, 2, 3, 4)]
    assert near.find_recipes(keys) == far.find_recipes(keys) == {}


def test_recipe_keys_are_added_where_the_artifact_is(chain, near, far):
    far.save(a_draft(1, LARGE))
    chain.add_recipes({a_recipe("more"): an_id(1)})
    assert (len(near.find_recipes([a_recipe("more")])), len(far.find_recipes([a_recipe("more")]))) == (0, 1)


def test_an_artifact_of_the_chain_is_copied_to_a_member(chain, near, far):
    far.save(a_draft(1, LARGE))
    stored = near.put(chain.get_by_id(an_id(1)))
    assert (stored.repo, stored.value) == (near, LARGE)
    assert chain.put(Artifact(stored.record, near)).repo is chain


def test_the_set_that_was_saved_last_in_any_member_is_the_latest(chain, near, far):
    mine = near.put_set(p.ArtifactSet([near.save(a_draft(1)).id], "job"))
    theirs = far.put_set(p.ArtifactSet([], "job"))
    assert chain.get_set_by_labels("job") == theirs
    near.put_set(mine)
    assert chain.get_set_by_labels("job") == mine
    far.save_set(mine.relabel("renamed").to_record())
    assert chain.get_set_by_id(mine.id).labels == {"name": "renamed"}
    assert not near.contains_set(theirs)


def test_references_are_found_in_all_members(chain, near, far):
    far.save(a_draft(1, 5))
    near.save(replace(a_draft(2), value=pack([reference_proxy(an_id(1))], "joblib", {})))
    [inner] = chain.get_value(an_id(2))
    assert inner == 5
    assert inner.artifact.repo is chain


def test_the_value_stored_last_is_that_of_the_first_member_with_one(chain, near, far):
    far.save(a_draft(1, 5, computed_at=datetime(2020, 1, 1, tzinfo=UTC)))
    near.save(a_draft(2, 5))
    assert chain.get_by_value_id(near.find_records([an_id(2)])[an_id(2)].value_id).id == an_id(2)


# ---- leases


@pytest.mark.parametrize(("policy", "position"), [("all", -1), ("any", -1), ("first", 0)])
def test_the_last_member_that_is_written_keeps_the_leases(policy, position):
    members = [MemoryRepo(name=name) for name in ("near", "middle", "far")]
    chain = ChainedRepo([*members, MemoryRepo(name="archive", write=False)], write_policy=policy)
    lease = chain.leases.acquire(an_id(1), "first", 60.0).lease
    assert members[position].leases.acquire(an_id(1), "other", 60.0).lease is None
    others = [member for member in members if member is not members[position]]
    assert all(member.leases.acquire(an_id(1), "other", 60.0).lease for member in others)
    chain.save(replace(a_draft(1), lease=lease))
    assert members[position].find_record(an_id(1)) is not None


def test_a_late_write_arrives_in_no_member():
    members = [MemoryRepo(name=name) for name in ("near", "far")]
    chain = ChainedRepo(members)
    late = chain.leases.acquire(an_id(1), "first", 0.0).lease
    winning = chain.leases.acquire(an_id(1), "second", 60.0).lease
    with pytest.raises(LeaseLostError):
        chain.save(replace(a_draft(1, "late"), lease=late))
    assert [member.find_record(an_id(1)) for member in members] == [None, None]
    members[1].save(replace(a_draft(1, "winner"), lease=winning))  # by one who has another near repo
    assert chain.save(replace(a_draft(1, "late"), lease=late)).value_id == a_draft(1, "winner").record.value_id
    assert [member.get_value(an_id(1)) for member in members] == ["winner", "winner"]


def test_while_the_member_with_the_leases_is_away_it_is_not_asked_again():
    class Away(MemoryRepo):
        asked = 0

        @property
        def leases(self):
            self.asked += 1
            raise RepoUnreachableError("away")

    far = Away(name="far")
    chain = ChainedRepo([MemoryRepo(name="near"), far], retry_seconds=3600)
    for _ in range(2):
        with pytest.raises(TierUnavailableError):
            chain.leases.acquire(an_id(1), "first", 60.0)
    assert far.asked == 1
