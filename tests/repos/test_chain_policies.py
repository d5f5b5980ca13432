"""What a chain of repos does with its members: who may, who must, who is left out; and lineage through all of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import product

import pytest

import provenance as p
from provenance._util.payload import Buffers
from provenance.artifacts.artifact import Artifact
from provenance.blobstores import ChainedStore, MemoryStore
from provenance.errors import (
    ArtifactNotFoundError,
    BlobNotFoundError,
    ConfigError,
    PermissionDeniedError,
    RepoUnreachableError,
    SerializationError,
    SetNotFoundError,
    TierUnavailableError,
    UnrecordedResultWarning,
)
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.repos.rows import UNKNOWN_SWEEPS, BlobCheck, Entry
from provenance.testing.drafts import LARGE, RUN, a_draft, a_recipe, an_id, edge_to
from provenance.types import RunRecord
from tests.blobstores.test_chain_policies import Switched as SwitchedStore

PERMISSIONS = [
    dict(zip(("read", "write", "read_through_write", "delete"), each, strict=True))
    for each in product((True, False), repeat=4)
]
NO_CHECK = BlobCheck(UNKNOWN_SWEEPS, lambda key: None)
POLICIES = ("all", "first", "any")


class SwitchedRows:
    """Rows that can be put out of reach, and note what they are asked."""

    def __init__(self, rows):
        self.rows, self.is_down, self.asked = rows, False, []

    def __getattr__(self, name):
        self.asked.append(name)
        if self.is_down:
            raise RepoUnreachableError("the database is down; start it")
        return getattr(self.rows, name)


class Switched(MemoryRepo):
    def __init__(self, name, **options):
        super().__init__(MemoryStore(), name=name, **options)
        self._rows = SwitchedRows(self._rows)

    def go_down(self):
        self._rows.is_down = True
        self._cache.reset_after_fork()

    def come_back(self):
        self._rows.is_down = False

    @property
    def asked(self):
        return self._rows.asked

    def holds(self, seed):
        return an_id(seed) in self._rows.rows._artifacts


@pytest.fixture
def tiers():
    return [Switched(name) for name in ("near", "middle", "far")]


def holders(tiers, seed=1):
    return [repo.name for repo in tiers if repo.holds(seed)]


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# ---- permissions, in every combination


def members(near, far, near_has=False, far_has=False):
    repos = Switched("near"), Switched("far")
    for repo, has_it, permissions in zip(repos, (near_has, far_has), (near, far), strict=True):
        if has_it:
            repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
        repo._permissions = repo.permissions._replace(**permissions)
        repo._cache.reset_after_fork()
    return repos


@pytest.mark.parametrize("near", PERMISSIONS, ids=str)
class TestPermissions:
    def test_reading(self, near):
        for far, (near_has, far_has) in product(PERMISSIONS, product((True, False), repeat=2)):
            repos = members(near, far, near_has, far_has)
            chain = ChainedRepo(repos)
            is_found = (near["read"] and near_has) or (far["read"] and far_has)
            assert (an_id(1) in chain) is is_found
            assert bool(chain.find_recipes([a_recipe(1)])) is is_found
            assert (chain.find_run(RUN.id) is not None) is is_found
            assert (chain.find_latest(a_draft(1, LARGE).record.value_id) is not None) is is_found
            assert holders(repos) == ["near"] * near_has + ["far"] * far_has
            if is_found:
                assert chain.get_value(an_id(1)) == LARGE
                is_copied = not (near["read"] and near_has) and near["write"] and near["read_through_write"]
                assert repos[0].holds(1) is (near_has or is_copied)
            else:
                with pytest.raises(ArtifactNotFoundError):
                    chain.get_value(an_id(1))

    @pytest.mark.parametrize("policy", POLICIES)
    def test_writing(self, near, policy):
        for far in PERMISSIONS:
            repos = members(near, far)
            chain = ChainedRepo(repos, write_policy=policy)
            if near["write"] or far["write"]:
                assert chain.save(a_draft(1, LARGE)).sequence is not None
                chain.save_set(p.ArtifactSet([an_id(1)]).to_record())
                is_enough = policy == "first" and near["write"]
                taken = ["near"] * near["write"] + ["far"] * (far["write"] and not is_enough)
                assert holders(repos) == taken
                assert [repo.name for repo in repos if repo._rows.rows._sets] == taken
            else:
                with pytest.raises(PermissionDeniedError):
                    chain.save(a_draft(1, LARGE))

    def test_deleting(self, near):
        for far in PERMISSIONS:
            repos = members(near, far, near_has=True, far_has=True)
            if near["delete"] or far["delete"]:
                ChainedRepo(repos).delete(an_id(1))
            else:
                with pytest.raises(PermissionDeniedError):
                    ChainedRepo(repos).delete(an_id(1))
            assert holders(repos) == ["near"] * (not near["delete"]) + ["far"] * (not far["delete"])


# ---- who has to take what is written


@pytest.mark.parametrize(
    ("policy", "down", "taken", "is_enough"),
    [
        ("all", "", "near middle far", True),
        ("all", "near", "middle far", False),
        ("all", "far", "near middle", False),
        ("first", "", "near", True),
        ("first", "far", "near", True),
        ("first", "near", "middle", True),
        ("first", "near middle far", "", False),
        ("any", "", "near middle far", True),
        ("any", "near far", "middle", True),
        ("any", "near middle far", "", False),
    ],
)
@pytest.mark.parametrize("write", ["save", "put", "batch_put", "put_set"])
def test_who_has_to_take_what_is_written(tiers, policy, down, taken, is_enough, write):  # noqa: PLR0917  a table
    source = MemoryRepo(name="source")
    source.save(a_draft(1, LARGE))
    [artifact] = source.batch_get_by_id([an_id(1)])
    one = p.ArtifactSet([], "label")
    for repo in tiers:
        if repo.name in down.split():
            repo.go_down()
    chain = ChainedRepo(tiers, write_policy=policy, name="c")
    act = {
        "save": lambda: chain.save(a_draft(1, LARGE)),
        "put": lambda: chain.put(artifact),
        "batch_put": lambda: chain.batch_put([artifact]),
        "put_set": lambda: chain.save_set(one.to_record()),
    }[write]
    if is_enough:
        act()
    else:
        with pytest.raises(TierUnavailableError) as caught:
            act()
        told = str(caught.value)
        assert told.startswith("chained repo 'c' cannot write in its member")
        assert "the database is down; start it" in told
        assert all(f"'{name}'" in told for name in taken.split())
    if write == "put_set":
        assert [repo.name for repo in tiers if repo._rows.rows._sets] == taken.split()
    else:
        assert holders(tiers) == taken.split()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_computed_value_is_returned_whatever_the_members_do(tiers, policy):
    @p.provenance()
    def double(x):
        return x * 2

    with p.using_repo(ChainedRepo(tiers, write_policy=policy)):
        tiers[0].go_down()
        if policy == "all":
            with pytest.warns(UnrecordedResultWarning, match=r"'near'.*stored in 'middle', 'far'"):
                assert type(double(2)) is int
        assert double(2) == 4
        assert double(2).artifact.is_stored  # what the others took is found
        for repo in tiers[1:]:
            repo.go_down()
        with pytest.warns(UnrecordedResultWarning):
            assert double(3) == 6


def test_a_source_that_is_out_of_reach_is_no_failure_of_the_members(tiers):
    source = Switched("source")
    source.save(a_draft(1, LARGE))
    artifact = source.get_by_id(an_id(1))
    source.go_down()
    chain = ChainedRepo(tiers, retry_seconds=3600)
    with pytest.raises(RepoUnreachableError, match="the database is down"):
        chain.put(artifact)
    chain.save(a_draft(2, LARGE))
    assert holders(tiers, 2) == ["near", "middle", "far"]


def test_a_member_that_lacks_the_bytes_of_a_draft_is_a_failure_of_its_own(tiers):
    """The draft takes a blob for granted that is in the nearest store only, and cannot be read there."""
    first = tiers[0].save(a_draft(1, LARGE))
    draft = replace(a_draft(2, LARGE, value_blob=first.value_blob), value=None)
    tiers[0]._permissions = tiers[0].permissions._replace(read=False)
    with pytest.raises(BlobNotFoundError):
        ChainedRepo(tiers).save(draft)
    assert holders(tiers, 2) == ["near"]
    assert ChainedRepo(tiers, write_policy="any").save(draft).id == an_id(2)


@pytest.mark.parametrize("options", [{"write_policy": "some"}, {"on_unreachable": "ignore"}, {"retry_seconds": -1}])
def test_options_that_are_none(options):
    [name] = options
    with pytest.raises(ConfigError, match=f"{name} of chained repo 'c' must be"):
        ChainedRepo([MemoryRepo()], name="c", **options)


# ---- a member that is out of reach


def test_a_member_out_of_reach_is_left_out_with_one_warning(tiers, caplog):
    near, _, far = tiers
    far.save(a_draft(1, LARGE, recipe=a_recipe(1)))
    chain = ChainedRepo(tiers, retry_seconds=3600, write_policy="any", name="c")
    near.go_down()
    for seed in range(2, 5):
        assert chain.get_value(an_id(1)) == LARGE
        assert chain.has_value(chain.find_records([an_id(1)])[an_id(1)])
        assert set(chain.find_recipes([a_recipe(1)])) == {a_recipe(1)}
        chain.save(a_draft(seed))
    assert len(near.asked) <= 4  # once for each of looking up, reading, copying, writing
    [warning] = warnings_of(caplog)
    assert warning.startswith("chained repo 'c': 'near' is out of reach and is left out: the database is down")


def test_what_is_not_found_while_a_member_is_out_of_reach_is_computed_again(tiers):
    calls = []

    @p.provenance()
    def work(x):
        calls.append(x)
        return LARGE

    chain = ChainedRepo(tiers, write_policy="any", retry_seconds=0)
    far = tiers[2]
    with p.using_repo(far):
        work(1)
    with p.using_repo(chain):
        far.go_down()
        assert work(1) == LARGE
        far.come_back()
        assert work(1) == LARGE
    assert calls == [1, 1]
    assert holders_of_any(tiers) == ["near", "middle", "far"]


def holders_of_any(tiers):
    return [repo.name for repo in tiers if repo._rows.rows._artifacts]


def test_a_value_that_is_out_of_reach_when_it_is_first_used_is_computed_again(tiers):
    calls = []

    @p.provenance()
    def work(x):
        calls.append(x)
        return LARGE

    near, far = tiers[0], tiers[2]
    with p.using_repo(far):
        work(1)
    with p.using_repo(ChainedRepo([near, far], write_policy="any", retry_seconds=0)):
        proxy = work(1)
        far.go_down()
        assert proxy == LARGE
    assert calls == [1, 1]
    assert holders_of_any([near]) == ["near"]


def test_bytes_in_a_store_of_a_chain_that_is_out_of_reach_are_computed_again():
    calls = []

    @p.provenance()
    def work(x):
        calls.append(x)
        return LARGE

    near, far = MemoryStore(), SwitchedStore(name="far")
    with p.using_repo(MemoryRepo(ChainedStore([near, far], write_policy="any", retry_seconds=0))):
        near.delete(work(1).artifact.record.value_blob.key)
        far.go_down()
        assert work(1) == LARGE
        assert work(1) == LARGE
    assert calls == [1, 1]


def test_nothing_is_called_missing_while_a_member_that_may_have_it_is_out_of_reach(tiers):
    chain = ChainedRepo(tiers, retry_seconds=3600)
    tiers[1].go_down()
    unknown = (
        lambda: an_id(1) in chain,
        lambda: chain.get_by_id(an_id(1)),
        lambda: chain.batch_get_by_id([an_id(1)]),
        lambda: chain.get_value(an_id(1)),
        lambda: chain.get_by_value_id(an_id("value")),
        lambda: chain.get_set_by_id(an_id("set")),
        lambda: chain.get_set_by_labels("label"),
        lambda: chain.put_set(p.ArtifactSet([an_id(1)])),
        lambda: chain.downstream([an_id(1)]),
    )
    for _ in range(2):
        for ask in unknown:
            with pytest.raises(TierUnavailableError, match="the database is down; start it"):
                ask()
    assert chain.find_records([an_id(1)]) == {}
    tiers[0].save(a_draft(1))
    assert an_id(1) in chain
    assert chain.get_by_id(an_id(1)).id == an_id(1)
    tiers[1].come_back()
    fresh = ChainedRepo(tiers)
    with pytest.raises(ArtifactNotFoundError):
        fresh.get_by_id(an_id(2))
    with pytest.raises(SetNotFoundError):
        fresh.get_set_by_labels("label")
    assert an_id(2) not in fresh


def test_an_outage_can_be_an_error(tiers):
    near, _, far = tiers
    far.save(a_draft(1, LARGE))
    near.go_down()
    chain = ChainedRepo(tiers, on_unreachable="raise", name="c")
    for ask in (lambda: chain.find_records([an_id(1)]), lambda: chain.find_run(RUN.id), lambda: chain.latest_set({})):
        with pytest.raises(TierUnavailableError, match=r"^chained repo 'c' cannot look up in its member 'near'"):
            ask()
    near.come_back()
    assert chain.get_value(an_id(1)) == LARGE


def test_deleting_needs_every_member(tiers):
    near, middle, far = tiers
    near.save(a_draft(1))
    middle.save(a_draft(2, edges=(edge_to(1),)))
    near.save(a_draft(3, edges=(edge_to(2),), recipe=a_recipe(3)))
    chain = ChainedRepo(tiers, retry_seconds=0)
    far.go_down()
    with pytest.raises(TierUnavailableError, match="'far'"):
        chain.delete(an_id(1))
    assert holders(tiers) == []
    assert near.find_recipes([a_recipe(3)]) == {}
    far.come_back()
    chain.delete(an_id(1))  # deleting it again, with all in reach, is right


def test_lineage_through_a_member_that_may_not_delete_and_is_out_of_reach_is_told(tiers):
    near, middle, _ = tiers
    near.save(a_draft(1))
    middle.save(a_draft(2, edges=(edge_to(1),)))
    near.save(a_draft(3, edges=(edge_to(2),), recipe=a_recipe(3)))
    middle._permissions = middle.permissions._replace(delete=False)
    chain = ChainedRepo(tiers, retry_seconds=0)
    middle.go_down()
    with pytest.raises(TierUnavailableError, match="not all that was made with"):
        chain.delete(an_id(1))
    assert set(near.find_recipes([a_recipe(3)])) == {a_recipe(3)}
    middle.come_back()
    chain.delete(an_id(1))
    assert near.find_recipes([a_recipe(3)]) == {}


# ---- lineage and sets through several members


@pytest.fixture
def spread(tiers):
    """Artifacts 0 to 5, each made with the one before it, one after the other in the members, and their chain."""
    for seed in range(6):
        run = RunRecord(an_id(("run", seed)), {"seed": seed})
        edges = (edge_to(seed - 1),) if seed else ()
        draft = a_draft(seed, LARGE + str(seed), edges=edges, recipe=a_recipe(seed), run_id=run.id)
        tiers[seed % 3].save(replace(draft, run=run))
    return ChainedRepo(tiers)


def test_dependencies_are_followed_through_all_members(tiers, spread):
    with p.using_repo(spread):
        assert [artifact.id for artifact in p.dependencies(an_id(5))] == [an_id(seed) for seed in range(6)]
        assert [artifact.value for artifact in p.dependencies(spread.get_by_id(an_id(3)))] == [
            LARGE + str(seed) for seed in range(4)
        ]


def test_a_copy_does_not_bring_what_it_was_made_from(tiers, spread):
    near = tiers[0]
    assert spread.get_value(an_id(5)) == LARGE + "5"
    assert near.holds(5)
    assert not near.holds(4)
    with p.using_repo(spread):
        assert len(p.dependencies(near.get_by_id(an_id(5)))) == 6


def test_recipes_runs_and_what_was_made_are_found_in_all_members(spread):
    assert set(spread.find_recipes([a_recipe(seed) for seed in range(7)])) == {a_recipe(seed) for seed in range(6)}
    assert spread.recipes_of([an_id(seed) for seed in range(7)]) == {a_recipe(seed): an_id(seed) for seed in range(6)}
    for seed in range(6):
        assert spread.find_run(an_id(("run", seed))).info == {"seed": seed}
    assert spread.downstream([an_id(1)]) == {an_id(seed) for seed in range(2, 6)}


def test_the_runs_go_with_the_copies(tiers, spread):
    spread.get_value(an_id(2))
    assert tiers[0].find_run(an_id(("run", 2))).info == {"seed": 2}


def test_a_set_may_lie_elsewhere_than_its_members(tiers, spread):
    stored = spread.put_set(p.ArtifactSet([an_id(seed) for seed in range(6)], "job"))
    for repo in tiers:
        assert repo.get_set_by_labels("job") == stored
    with p.using_repo(spread):
        assert sorted(a.id for a in p.dependencies(spread.get_set_by_labels("job"))) == sorted(map(an_id, range(6)))
    other = tiers[2].save_set(p.ArtifactSet([an_id(0)], "far only").to_record())
    assert spread.get_set_by_labels("far only").id == other.id
    with pytest.raises(ArtifactNotFoundError):
        spread.put_set(p.ArtifactSet([an_id(0), an_id("nowhere")]))


def test_a_set_is_deleted_with_its_labels_wherever_that_is_permitted(tiers, spread):
    stored = spread.put_set(p.ArtifactSet([an_id(0)], "job"))
    tiers[1]._permissions = tiers[1].permissions._replace(delete=False)
    spread.delete_set(stored)
    assert [repo.name for repo in tiers if repo.contains_set(stored)] == ["middle"]


def test_the_latest_set_of_those_in_reach(tiers):
    near, _, far = tiers
    older = near.save_set(p.ArtifactSet([], "job").to_record())
    newer = far.save_set(p.ArtifactSet([an_id(1)], "job").to_record())
    chain = ChainedRepo(tiers, retry_seconds=0)
    assert older.saved_at < newer.saved_at
    assert chain.latest_set({"name": "job"}).id == newer.id
    far.go_down()
    assert chain.latest_set({"name": "job"}).id == older.id


# ---- many at once


@pytest.mark.parametrize("count", [30, 3000])
def test_each_member_is_asked_once_for_many(tiers, count):
    for seed in range(count):
        tiers[seed % 3]._rows.rows.insert(Entry(a_draft(0, id=an_id(seed), value_inline=b"x").record, RUN, NO_CHECK))
    chain = ChainedRepo(tiers)
    ids = [an_id(seed) for seed in reversed(range(count))]
    for repo in tiers:
        repo.asked.clear()
    assert [artifact.id for artifact in chain.batch_get_by_id(ids)] == ids
    assert [repo.asked.count("records") for repo in tiers][2] == 1
    calls = [len(repo.asked) for repo in tiers]
    assert sum(calls) <= 20 + 4 * count // 200  # copies go 200 rows at a time
    assert len(tiers[0]._rows.rows._artifacts) == count
    for repo in tiers:
        repo.asked.clear()
    assert [artifact.id for artifact in chain.batch_get_by_id(ids)] == ids
    chain.batch_delete(ids)
    assert sum(len(repo.asked) for repo in tiers) <= 30
    assert holders_of_any(tiers) == []


def test_many_are_put_with_one_call_for_each_member(tiers):
    source = MemoryRepo(name="source")
    artifacts = [Artifact(source.save(a_draft(seed, LARGE)), source) for seed in range(20)]
    chain = ChainedRepo(tiers)
    assert [stored.id for stored in chain.batch_put(artifacts)] == [artifact.id for artifact in artifacts]
    assert all(len(repo._rows.rows._artifacts) == 20 for repo in tiers)
    assert all(repo.asked.count("insert_many") == 1 for repo in tiers)


def test_a_value_whose_class_is_unknown_here_is_copied_as_it_is(tiers):
    """Nothing is unpickled on the way."""
    pickle_of_nobody = b"\x80\x02cnowhere\nNobody\n)\x81." + b"#" * 20_000
    near, _, far = tiers
    draft = a_draft(1, LARGE, serializer="cloudpickle")
    stored = far.save(replace(draft, value=Buffers((pickle_of_nobody,))))
    chain = ChainedRepo(tiers)
    with pytest.raises(SerializationError, match="nowhere"):
        chain.get_value(an_id(1))
    assert near.holds(1)
    assert near.find_records([an_id(1)])[an_id(1)].value_blob == stored.value_blob
    assert near.store.get(stored.value_blob.key) == pickle_of_nobody
