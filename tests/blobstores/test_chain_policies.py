"""What a chain of stores does with its members: who may, who must, and who is left out."""

from __future__ import annotations

import logging
import threading
from itertools import product

import pytest

from provenance._util.payload import Streamed
from provenance.blobstores import ChainedStore, DiskStore, MemoryStore, outages
from provenance.errors import (
    BlobNotFoundError,
    ConfigError,
    DuplicateKeyError,
    PermissionDeniedError,
    StorageError,
    StoreUnavailableError,
    TierUnavailableError,
)
from provenance.testing.blobstores import BIG, key_of

KEY = key_of(b"x")
PERMISSIONS = [
    dict(zip(("read", "write", "read_through_write", "delete"), each, strict=True))
    for each in product((True, False), repeat=4)
]
POLICIES = ("all", "first", "any")


class Switched(MemoryStore):
    """A store in memory that can be put out of reach, in all it does or in some of it, and notes what it is asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.down = set()
        self.asked = []

    def _ask(self, what):
        self.asked.append(what)
        if what in self.down:
            raise StoreUnavailableError(f"{self.name} is down; start it")

    def go_down(self):
        self.down = {"has", "get", "put", "delete", "ids"}

    def come_back(self):
        self.down = set()

    def _has(self, key):
        self._ask("has")
        return super()._has(key)

    def _get(self, key):
        self._ask("get")
        return super()._get(key)

    def _put(self, payload, extension):
        self._ask("put")
        return super()._put(payload, extension)

    def _delete(self, key):
        self._ask("delete")
        super()._delete(key)

    def _ids(self):
        self._ask("ids")
        return super()._ids()


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# ---- permissions, in every combination


def members(near, far, *, near_has=False, far_has=False):
    stores = MemoryStore(name="near", **near), MemoryStore(name="far", **far)
    for store, has_it in zip(stores, (near_has, far_has), strict=True):
        if has_it:
            store._blobs[KEY] = (b"x",)
    return stores


def contents(*stores):
    return tuple(KEY in store._blobs for store in stores)


@pytest.mark.parametrize("near", PERMISSIONS, ids=str)
class TestPermissions:
    def test_reading(self, near):
        for far, (near_has, far_has) in product(PERMISSIONS, product((True, False), repeat=2)):
            stores = members(near, far, near_has=near_has, far_has=far_has)
            chain = ChainedStore(stores)
            is_found = (near["read"] and near_has) or (far["read"] and far_has)
            assert (KEY in chain) is is_found
            assert list(chain.ids()) == [KEY] * is_found
            assert chain.batch_contains([KEY]) == ({KEY} if is_found else set())
            assert contents(*stores) == (near_has, far_has)
            if is_found:
                assert chain.get(KEY) == b"x"
                assert chain.batch_get([KEY]) == [b"x"]
            else:
                with pytest.raises(BlobNotFoundError):
                    chain.get(KEY)
                with pytest.raises(BlobNotFoundError):
                    chain.batch_get([KEY])

    @pytest.mark.parametrize("read", ["get", "batch_get", "local_path"])
    def test_copies_of_what_is_found_further_down(self, near, read):
        for far in PERMISSIONS:
            stores = members(near, far, far_has=True)
            chain = ChainedStore(stores)
            takes = far["read"] and near["write"] and near["read_through_write"]
            try:
                chain.batch_get([KEY]) if read == "batch_get" else getattr(chain, read)(KEY)
            except BlobNotFoundError:
                assert not far["read"]
            assert contents(*stores) == (takes, True)

    @pytest.mark.parametrize("policy", POLICIES)
    def test_writing(self, near, policy):
        for far in PERMISSIONS:
            stores = members(near, far)
            chain = ChainedStore(stores, write_policy=policy)
            if near["write"] or far["write"]:
                assert chain.put(b"x").key == KEY
                is_enough = policy == "first" and near["write"]
                assert contents(*stores) == (near["write"], far["write"] and not is_enough)
            else:
                with pytest.raises(PermissionDeniedError):
                    chain.put(b"x")

    @pytest.mark.parametrize("delete", ["delete", "batch_delete"])
    def test_deleting(self, near, delete):
        for far in PERMISSIONS:
            stores = members(near, far, near_has=True, far_has=True)
            argument = [KEY] if delete == "batch_delete" else KEY
            if near["delete"] or far["delete"]:
                getattr(ChainedStore(stores), delete)(argument)
            else:
                with pytest.raises(PermissionDeniedError):
                    getattr(ChainedStore(stores), delete)(argument)
            assert contents(*stores) == (not near["delete"], not far["delete"])

    def test_the_permissions_of_the_chain_come_first(self, near):
        stores = members(PERMISSIONS[0], PERMISSIONS[0], far_has=True)
        chain = ChainedStore(stores, **near)
        assert (KEY in chain) is near["read"]
        for permission, operation in (("write", lambda: chain.put(b"x")), ("delete", lambda: chain.delete(KEY))):
            if near[permission]:
                operation()
            else:
                with pytest.raises(PermissionDeniedError, match=f"{permission}: false"):
                    operation()


def test_a_chain_that_forbids_copies_makes_none():
    stores = members({}, {}, far_has=True)
    chain = ChainedStore(stores, read_through_write=False)
    assert chain.get(KEY) == b"x"
    assert chain.batch_get([KEY]) == [b"x"]
    assert chain.local_path(KEY) is None
    assert contents(*stores) == (False, True)


# ---- who has to take what is written


@pytest.fixture
def tiers():
    return [Switched(name=name) for name in ("near", "middle", "far")]


def holders(tiers):
    return [store.name for store in tiers if KEY in store._blobs]


@pytest.mark.parametrize(
    ("policy", "down", "taken", "is_enough"),
    [
        ("all", "", "near middle far", True),
        ("all", "near", "middle far", False),
        ("all", "middle", "near far", False),
        ("all", "near middle far", "", False),
        ("first", "", "near", True),
        ("first", "far", "near", True),
        ("first", "near", "middle", True),
        ("first", "near middle", "far", True),
        ("first", "near middle far", "", False),
        ("any", "", "near middle far", True),
        ("any", "near", "middle far", True),
        ("any", "near far", "middle", True),
        ("any", "near middle far", "", False),
    ],
)
def test_who_has_to_take_what_is_written(tiers, caplog, policy, down, taken, is_enough):  # noqa: PLR0917  a table
    for store in tiers:
        if store.name in down.split():
            store.go_down()
    chain = ChainedStore(tiers, write_policy=policy, name="all of them")
    if is_enough:
        assert chain.put(b"x").key == KEY
        assert len(warnings_of(caplog)) == len([name for name in down.split() if policy == "any" or name != "far"])
    else:
        with pytest.raises(TierUnavailableError) as caught:
            chain.put(b"x")
        told = str(caught.value)
        assert told.startswith("chained blobstore 'all of them' cannot write in its member")
        assert "is down; start it" in told
        assert all(f"'{name}'" in told for name in taken.split())
    assert holders(tiers) == taken.split()


def test_first_is_the_nearest_one_where_an_outage_is_an_error(tiers):
    tiers[0].go_down()
    with pytest.raises(TierUnavailableError, match="cannot write in its member 'near': near is down"):
        ChainedStore(tiers, write_policy="first", on_unreachable="raise").put(b"x")
    assert holders(tiers) == []


def test_what_a_member_refuses_is_no_outage(tmp_path):
    strict, other = DiskStore(tmp_path / "a", name="strict", on_duplicate_key="raise"), MemoryStore()
    strict.put(b"x")
    for policy in ("all", "first"):
        with pytest.raises(DuplicateKeyError):
            ChainedStore([strict, other], write_policy=policy).put(b"x")
    assert (KEY in other) is True  # by the policy that goes on


def test_what_need_not_be_taken_and_is_refused_is_reported_once(tmp_path, caplog):
    strict, other = DiskStore(tmp_path / "a", name="strict", on_duplicate_key="raise"), MemoryStore()
    strict.put(b"x")
    chain = ChainedStore([strict, other], write_policy="any")
    for _ in range(3):
        assert chain.put(b"x").key == KEY
    [warning] = warnings_of(caplog)
    assert "'strict' did not take what was written" in warning


def test_a_payload_that_differs_is_refused_by_every_policy_that_writes_twice():
    texts = iter([b"one", b"two"])
    with pytest.raises(StorageError, match="same bytes"):
        ChainedStore([MemoryStore(), MemoryStore()], write_policy="any").put(Streamed(lambda f: f.write(next(texts))))


@pytest.mark.parametrize(
    "options", [{"write_policy": "some"}, {"on_unreachable": "ignore"}, {"retry_seconds": -1}, {"retry_seconds": None}]
)
def test_options_that_are_none(options):
    [name] = options
    with pytest.raises((ConfigError, TypeError), match=f"{name} of chained blobstore 'c' must be|not supported"):
        ChainedStore([MemoryStore()], name="c", **options)


# ---- a member that is out of reach


def test_a_member_out_of_reach_is_left_out_with_one_warning(tiers, caplog):
    near, _, far = tiers
    far._blobs[KEY] = (b"x",)
    near.go_down()
    chain = ChainedStore(tiers, retry_seconds=3600, write_policy="any", name="c")
    for _ in range(5):
        assert chain.get(KEY) == b"x"
        assert KEY in chain
        chain.put(b"y")
    assert near.asked == ["get", "put", "put"]  # one copy of what was read is among them
    [warning] = warnings_of(caplog)
    assert warning == "chained blobstore 'c': 'near' is out of reach and is left out: near is down; start it"


def test_it_is_asked_again_after_a_while(tiers, monkeypatch, caplog):
    clock = [1000.0]
    monkeypatch.setattr(outages, "monotonic", lambda: clock[0])
    near, _, far = tiers
    far._blobs[KEY] = near._blobs[KEY] = (b"x",)
    near.go_down()
    chain = ChainedStore(tiers, retry_seconds=10, read_through_write=False)
    chain.get(KEY)
    for clock[0], asked in ((1009.9, 1), (1010.0, 2), (1019.9, 2), (1020.0, 3)):
        chain.get(KEY)
        assert near.asked == ["get"] * asked
    near.come_back()
    clock[0] = 1029.9
    chain.get(KEY)
    assert len(near.asked) == 3
    clock[0] = 1030.0
    for _ in range(2):
        chain.get(KEY)
    assert len(near.asked) == 5
    assert len(warnings_of(caplog)) == 1
    near.go_down()
    chain.get(KEY)
    assert len(warnings_of(caplog)) == 2  # another outage


def test_one_of_several_threads_asks_again_while_the_others_go_on(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(outages, "monotonic", lambda: now)
    asking, going_on = threading.Event(), threading.Event()

    class Slow(Switched):
        def _get(self, key):
            if self.asked:
                asking.set()
                assert going_on.wait(30)
            return super()._get(key)

    near, far = Slow(name="near"), MemoryStore()
    far.put(b"x")
    near.go_down()
    chain = ChainedStore([near, far], retry_seconds=10, read_through_write=False)
    chain.get(KEY)
    now = 1010.0
    thread = threading.Thread(target=chain.get, args=(KEY,))
    thread.start()
    assert asking.wait(30)
    for _ in range(3):
        assert chain.get(KEY) == b"x"
    going_on.set()
    thread.join()
    assert near.asked == ["get", "get"]


def test_of_two_threads_at_the_same_moment_one_asks_again(tiers):
    chain = ChainedStore(tiers, retry_seconds=0)
    tiers[0].go_down()
    with pytest.raises(TierUnavailableError):
        chain.get(KEY)
    [outage] = chain._tiers._outages._known.values()
    outage.trial.clear()  # as the other thread does
    with pytest.raises(TierUnavailableError):
        chain.get(KEY)
    assert tiers[0].asked == ["get"]


def test_what_cannot_be_written_can_still_be_read(tiers):
    near = tiers[0]
    near._blobs[KEY] = (b"x",)
    near.down = {"put"}
    chain = ChainedStore(tiers, retry_seconds=3600)
    with pytest.raises(TierUnavailableError):
        chain.put(b"y")
    assert chain.get(KEY) == b"x"
    assert near.asked == ["put", "get"]


def test_a_copy_that_fails_keeps_nobody_from_writing(tiers):
    near, _, far = tiers
    far._blobs[KEY] = (b"x",)
    near.down = {"put"}
    chain = ChainedStore(tiers, retry_seconds=3600)
    assert chain.get(KEY) == b"x"
    near.come_back()
    chain.put(b"y")
    assert key_of(b"y") in near._blobs


def test_a_forked_child_finds_out_by_itself(tiers, fork):
    near, _, far = tiers
    far._blobs[KEY] = (b"x",)
    near.go_down()
    chain = ChainedStore(tiers, retry_seconds=3600, read_through_write=False)
    chain.get(KEY)
    near.come_back()

    def work():
        assert chain.get(KEY) == b"x"
        assert near.asked == ["get", "get"]

    assert fork(work).exit_code() == 0
    chain.get(KEY)
    assert near.asked == ["get"]


def test_nothing_is_called_missing_while_a_member_that_may_have_it_is_out_of_reach(tiers):
    tiers[2].go_down()
    chain = ChainedStore(tiers, name="c", retry_seconds=3600)
    unknown = (
        lambda: chain.get(KEY),
        lambda: chain.local_path(KEY),
        lambda: KEY in chain,
        lambda: chain.batch_get([KEY]),
        lambda: chain.batch_contains([KEY]),
        lambda: list(chain.ids()),
    )
    for _ in range(2):
        for ask in unknown:
            with pytest.raises(TierUnavailableError, match="cannot read in its member 'far': far is down; start it"):
                ask()
    tiers[0].put(b"x")
    assert chain.get(KEY) == b"x"
    assert chain.batch_contains([KEY]) == {KEY}


@pytest.mark.parametrize("delete", ["delete", "batch_delete"])
def test_deleting_needs_every_member(tiers, delete):
    for store in tiers:
        store.put(b"x")
    tiers[0].go_down()
    with pytest.raises(TierUnavailableError, match="cannot delete in its member 'near'"):
        getattr(ChainedStore(tiers), delete)([KEY] if delete == "batch_delete" else KEY)
    assert holders(tiers) == ["near"]


def test_an_outage_can_be_an_error(tiers):
    near, _, far = tiers
    far.put(b"x")
    near.go_down()
    chain = ChainedStore(tiers, name="c", on_unreachable="raise")
    for ask in (lambda: chain.get(KEY), lambda: KEY in chain, lambda: chain.batch_get([KEY])):
        for _ in range(2):
            with pytest.raises(TierUnavailableError, match=r"^chained blobstore 'c' cannot read in its member 'near'"):
                ask()
    assert len(near.asked) == 6  # it is asked each time
    near.come_back()
    assert chain.get(KEY) == b"x"


def test_a_copy_is_never_needed(tiers, caplog):
    near, _, far = tiers
    far.put(b"x")
    near.down = {"put"}
    chain = ChainedStore(tiers, on_unreachable="raise")
    assert chain.get(KEY) == chain.get(KEY) == b"x"
    assert len(warnings_of(caplog)) == 1


def test_chains_inside_of_chains_know_their_own_members(tiers, caplog):
    near, middle, far = tiers
    far.go_down()
    outer = ChainedStore([near, ChainedStore([middle, far], name="inner", retry_seconds=3600)], name="outer")
    for _ in range(3):
        with pytest.raises(TierUnavailableError, match="'inner' cannot read in its member 'far'"):
            outer.get(KEY)
    middle.put(b"x")
    assert outer.get(KEY) == b"x"
    assert far.asked == ["get"]
    assert [text for text in warnings_of(caplog) if "outer" in text and "out of reach and is left" in text] == []


def test_a_member_that_may_not_be_looked_into_is_reported_once(caplog):
    class Forbidden(MemoryStore):
        def _get(self, key):
            raise PermissionDeniedError("the token has expired")

    far = MemoryStore()
    far.put(b"x")
    chain = ChainedStore([Forbidden(name="near", write=False), far])
    for _ in range(3):
        assert chain.get(KEY) == b"x"
    [warning] = warnings_of(caplog)
    assert "'near' cannot read: the token has expired" in warning
    with pytest.raises(PermissionDeniedError, match="expired"):
        chain.get(key_of(b"y"))


def test_what_is_out_of_reach_is_told_before_what_is_forbidden(tiers):
    """The one passes, and is computed again; the other has to be mended."""

    class Forbidden(MemoryStore):
        def _get(self, key):
            raise PermissionDeniedError("the token has expired")

    tiers[0].go_down()
    with pytest.raises(TierUnavailableError):
        ChainedStore([Forbidden(write=False), tiers[0]]).get(KEY)


# ---- batches


def noting(calls, store, name):
    real = getattr(store, name)

    def call(*args, **options):
        calls.append((store.name, name))
        return real(*args, **options)

    return call


def test_each_member_is_asked_once_for_many(tiers):
    near, middle, far = tiers
    blobs = [b"%d" % number for number in range(90)]
    keys = [key_of(blob) for blob in blobs]
    for number, blob in enumerate(blobs):
        tiers[number % 3].put(blob)
    calls = []
    for store in tiers:
        for name in ("batch_contains", "batch_get", "batch_put", "batch_delete"):
            setattr(store, name, noting(calls, store, name))
    chain = ChainedStore(tiers)
    assert chain.batch_contains(keys) == set(keys)
    assert calls == [("near", "batch_contains"), ("middle", "batch_contains"), ("far", "batch_contains")]
    calls.clear()
    assert chain.batch_get(reversed(keys)) == blobs[::-1]
    assert sorted(calls) == sorted(
        [(name, "batch_contains") for name in ("near", "middle", "far")]
        + [(name, "batch_get") for name in ("near", "middle", "far")]
        + [("near", "batch_put")] * 2  # copies of what the middle and the far one had
        + [("middle", "batch_put")]
    )
    assert set(keys) == set(near._blobs)
    calls.clear()
    chain.batch_delete(keys)
    assert calls == [("near", "batch_delete"), ("middle", "batch_delete"), ("far", "batch_delete")]
    assert all(not store._blobs for store in (near, middle, far))


def test_a_batch_is_read_from_where_it_is_sound(tmp_path):
    near, far = MemoryStore(), DiskStore(tmp_path)
    blobs = [b"a", b"b", BIG, b"d"]
    keys = [near.put(blob).key for blob in blobs]
    for blob in blobs:
        far.put(blob)
    near._blobs[keys[1]] = (b"damaged",)
    del near._blobs[keys[2]]
    assert ChainedStore([near, far]).batch_get([*keys, keys[0]]) == [*blobs, blobs[0]]
    assert near.batch_get(keys) == blobs
