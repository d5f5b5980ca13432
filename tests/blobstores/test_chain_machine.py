"""A chain of three stores under random operations, permissions, outages and damage, against what its members hold."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from provenance.blobstores import ChainedStore
from provenance.errors import BlobCorruptError, BlobNotFoundError, PermissionDeniedError, TierUnavailableError
from provenance.testing.blobstores import key_of
from tests.blobstores.test_chain_policies import Switched

BLOBS = [b"", b"a", b"b" * 1000, b"c"]
KEYS = [key_of(blob) for blob in BLOBS]
permissions = st.fixed_dictionaries(
    dict.fromkeys(("read", "write", "read_through_write", "delete"), st.sampled_from([True, True, True, False]))
)
blobs = st.sampled_from(BLOBS)


class Chain(RuleBasedStateMachine):
    @initialize(
        each=st.tuples(permissions, permissions, permissions),
        policy=st.sampled_from(["all", "first", "any"]),
        on_unreachable=st.sampled_from(["skip", "raise"]),
    )
    def make(self, each, policy, on_unreachable):
        self.stores = [Switched(name=str(position), **options) for position, options in enumerate(each)]
        self.policy, self.skips = policy, on_unreachable == "skip"
        self.chain = ChainedStore(
            self.stores, write_policy=policy, on_unreachable=on_unreachable, retry_seconds=0, name="c"
        )
        self.acknowledged = set()

    # ---- what the members hold

    def permitting(self, permission):
        return [store for store in self.stores if getattr(store.permissions, permission)]

    def holders(self, blob):
        """The members that have sound bytes."""
        return [store for store in self.stores if store._blobs.get(key_of(blob)) == (blob,)]

    def is_down(self, stores):
        return any(store.down for store in stores)

    # ---- what happens to them

    @rule(position=st.integers(0, 2))
    def go_down(self, position):
        self.stores[position].go_down()

    @rule(position=st.integers(0, 2))
    def come_back(self, position):
        self.stores[position].come_back()

    @rule(position=st.integers(0, 2), blob=blobs)
    def damage(self, position, blob):
        store = self.stores[position]
        if key_of(blob) in store._blobs:
            store._blobs[key_of(blob)] = (b"damaged",)
            self.acknowledged.discard(blob)

    # ---- what is asked of the chain

    @rule(blob=blobs)
    def put(self, blob):
        writable = self.permitting("write")
        try:
            ref = self.chain.put(blob)
        except PermissionDeniedError:
            assert not writable
        except TierUnavailableError:
            assert self.is_down(writable)
            up = [store for store in writable if not store.down]
            if self.policy == "any" or (self.policy == "first" and self.skips):
                assert not up
        else:
            assert ref.key == key_of(blob)
            taken = [store for store in self.holders(blob) if store in writable]
            if self.policy == "all":
                assert taken == writable
                self.acknowledged.add(blob)
            assert taken

    @rule(blob=blobs, read=st.sampled_from(["get", "batch_get", "local_path"]))
    def get(self, blob, read):
        key, readable = key_of(blob), self.permitting("read")
        sound = [store for store in self.holders(blob) if store in readable and not store.down]
        try:
            found = self.chain.batch_get([key])[0] if read == "batch_get" else getattr(self.chain, read)(key)
        except BlobNotFoundError:
            assert not sound
            assert not self.is_down(readable)
        except BlobCorruptError:
            assert not sound
        except TierUnavailableError:
            assert self.is_down(readable)
            assert not sound or not self.skips
        else:
            assert found == (None if read == "local_path" else blob)

    @rule(asked=st.lists(blobs))
    def contains(self, asked):
        keys, readable = [key_of(blob) for blob in asked], self.permitting("read")
        held = {key for key in keys if any(key in store._blobs for store in readable)}
        try:
            assert self.chain.batch_contains(keys) == held
            assert [key in self.chain for key in keys] == [key in held for key in keys]
        except TierUnavailableError:
            assert self.is_down(readable)

    @rule()
    def list_keys(self):
        readable = self.permitting("read")
        try:
            listed = list(self.chain.ids())
        except TierUnavailableError:
            assert self.is_down(readable)
        else:
            assert not self.is_down(readable)
            assert sorted(listed) == sorted({key for store in readable for key in store._blobs})

    @rule(blob=blobs)
    def delete(self, blob):
        deletable = self.permitting("delete")
        try:
            self.chain.delete(key_of(blob))
        except PermissionDeniedError:
            assert not deletable
        except TierUnavailableError:
            assert self.is_down(deletable)
            self.acknowledged.discard(blob)
        else:
            assert not any(key_of(blob) in store._blobs for store in deletable)
            self.acknowledged.discard(blob)

    # ---- what always holds

    @invariant()
    def nothing_that_was_acknowledged_by_all_is_lost(self):
        for blob in getattr(self, "acknowledged", ()):
            assert set(self.permitting("write")) <= set(self.holders(blob))

    @invariant()
    def members_that_may_not_be_written_hold_nothing(self):
        for store in getattr(self, "stores", ()):
            assert store.permissions.write or not store._blobs


TestChain = Chain.TestCase
TestChain.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
