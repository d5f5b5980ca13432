"""Two repos that get each other's sets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain as chained

import pytest
from hypothesis import given
from hypothesis import strategies as st

import provenance as p
from provenance.repos.chained import ChainedRepo
from provenance.repos.json_fields import label_items
from provenance.repos.labellings import Labelling, first_difference, merged, missing_in, with_labels
from provenance.repos.memory import MemoryRepo
from provenance.testing.drafts import LARGE, a_draft, an_id, edge_to
from tests.lineage.conftest import open_repo

LABELS = [{}, {"name": "a"}, {"name": "b"}, {"name": "a", "n": 1}, {"n": 1}]
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def a(tmp_path):
    return open_repo(tmp_path, "a")


@pytest.fixture(params=["sqlite", "memory", "chain"])
def b(request, tmp_path):
    if request.param == "chain":
        return ChainedRepo([MemoryRepo(name="near"), open_repo(tmp_path, "far")], name="b")
    return MemoryRepo(name="b") if request.param == "memory" else open_repo(tmp_path, "b")


@pytest.fixture(autouse=True)
def elsewhere():
    with p.using_repo(MemoryRepo(name="elsewhere")) as repo:
        yield repo


def stored(repo, *seeds, value=LARGE):
    """Artifacts, each of which refers to one of its own."""
    for seed in seeds:
        repo.save(a_draft(("input", seed), [value, seed]))
        repo.save(a_draft(seed, seed, edges=(edge_to(("input", seed)),)))
    return [an_id(seed) for seed in seeds]


def saved(repo, labels, *seeds):
    return repo.put_set(p.ArtifactSet(stored(repo, *seeds), labels))


def latest(repo):
    found = (repo.latest_set(labels) for labels in LABELS)
    return [None if record is None else (record.id, record.labels, record.saved_at) for record in found]


def test_both_have_all_sets_with_all_that_is_behind_them(a, b):
    mine, yours = saved(a, "a", 1, 2), saved(b, "b", 3)
    unlabelled = saved(a, None, 4)
    foretold = p.sync(a, b, dry_run=True)
    assert foretold == p.Synced(
        to_a=p.Transfer(artifacts=2, blobs=1, bytes=foretold.to_a.bytes, sets=1, labels=1),
        to_b=p.Transfer(artifacts=6, blobs=3, bytes=foretold.to_b.bytes, sets=2, labels=1),
    )
    assert foretold.to_a.bytes > len(LARGE)
    assert a.set_ids() == {mine.id, unlabelled.id}
    assert p.sync(a, b) == foretold
    for repo in (a, b):
        assert repo.set_ids() == {mine.id, yours.id, unlabelled.id}
        assert repo.batch_get_values(an_id(("input", seed)) for seed in (1, 2, 3, 4)) == [
            [LARGE, n] for n in (1, 2, 3, 4)
        ]
        assert repo.batch_get_values(map(an_id, (1, 2, 3, 4))) == [1, 2, 3, 4]
        assert repo.get_set_by_id(mine).created_at == mine.created_at
    assert latest(a) == latest(b)
    assert a.label_history() == b.label_history()


def test_a_second_sync_moves_nothing(a, b, monkeypatch):
    saved(a, "a", 1)
    saved(b, "b", 2)
    p.sync(a, b)
    histories = a.label_history(), b.label_history()
    for repo in (a, b):
        for method in ("put_each", "save_set", "arrange_labels"):
            monkeypatch.setattr(repo, method, refuse)
    nothing = p.Transfer(already_there=4)
    assert p.sync(a, b) == p.sync(b, a) == p.sync(a, b, dry_run=True) == p.Synced(nothing, nothing)
    assert (a.label_history(), b.label_history()) == histories


def refuse(first, *_):
    assert list(first) == []
    return []


def test_only_sets_under_such_labels_are_moved(a, b):
    wanted = saved(a, {"name": "a", "n": 1}, 1)
    other = saved(a, "b", 2)
    yours = saved(b, {"n": 1}, 3)
    p.sync(a, b, "a")
    assert b.set_ids() == {wanted.id, yours.id}
    assert an_id(2) not in b
    assert a.set_ids() == {wanted.id, other.id}
    p.sync(a, b, {"n": 1})
    assert a.set_ids() == {wanted.id, other.id, yours.id}
    assert b.set_ids() == {wanted.id, yours.id}


def test_the_latest_set_is_the_one_saved_last_anywhere(a, b):
    saved(a, "a", 1)
    middle = saved(b, "a", 2)
    assert p.sync(a, b).to_a.labels == 1
    assert a.get_set_by_labels("a") == b.get_set_by_labels("a") == middle
    again = a.put_set(a.get_set_by_id(p.ArtifactSet([an_id(1)]).id).relabel("a"))
    assert p.sync(a, b).to_b.labels == 1
    assert b.get_set_by_labels("a") == again
    assert a.label_history() == b.label_history()
    assert len(a.label_history()) == 3


def test_of_sets_saved_at_the_same_time_the_latest_is_the_same(a, b):
    for repo, seed in ((a, 1), (b, 2)):
        made = p.ArtifactSet(stored(repo, seed), "a")
        repo.save_set(replace(made.to_record(), saved_at=START))
    p.sync(a, b)
    assert a.label_history() == b.label_history()
    assert a.get_set_by_labels("a") == b.get_set_by_labels("a")


def test_other_labels_keep_their_place(a, b):
    first = saved(a, {"name": "a", "n": 1}, 1)
    between = saved(b, {"name": "b", "n": 1}, 2)
    last = saved(a, {"name": "c", "n": 1}, 3)
    p.sync(a, b, "b")
    assert [event.set_id for event in a.label_history()] == [first.id, between.id, last.id]
    assert a.get_set_by_labels({"n": 1}) == last
    assert b.set_ids() == {between.id}


def test_a_set_that_was_deleted_from_one_comes_back(a, b):
    made = saved(a, "a", 1)
    p.sync(a, b)
    a.delete_set(made)
    a.delete(an_id(1))
    assert p.sync(a, b).to_a == p.Transfer(artifacts=1, already_there=1, sets=1, labels=1)
    assert a.get_set_by_labels("a") == made


def test_members_and_lineage_may_lie_elsewhere_or_nowhere(a, b, elsewhere):
    stored(elsewhere, 1)
    a.save(a_draft(2, edges=(edge_to("deleted"),)))
    made = p.ArtifactSet([an_id(1), an_id(2), an_id("gone")], "a")
    a.save_set(made.to_record())
    p.sync(a, b)
    assert set(b.find_records([an_id(1), an_id(("input", 1)), an_id(2), an_id("gone")])) == {
        an_id(1),
        an_id(("input", 1)),
        an_id(2),
    }
    assert b.get_set_by_labels("a") == made


def test_what_is_lost_is_named_and_the_rest_is_moved(a, b):
    broken, whole, yours = saved(a, "broken", 1, 2), saved(a, "whole", 2), saved(b, "yours", 3)
    lost = a[an_id(("input", 1))].record.value_blob
    a.store.delete(lost.key)
    with pytest.raises(p.BlobNotFoundError, match=lost.key):
        p.sync(a, b)
    assert b.set_ids() == {whole.id, yours.id}
    assert a.set_ids() == {broken.id, whole.id, yours.id}
    assert b.get_set_by_labels("whole") == whole
    assert an_id(1) not in b
    assert [event.set_id for event in b.label_history()] == [whole.id, yours.id]
    a.save(a_draft(("input", 1), [LARGE, 1]))
    p.sync(a, b)
    assert a.label_history() == b.label_history()
    assert broken.id in b.set_ids()


def test_repos_have_names_and_must_be_open(a, b):
    p.state.change(repos={"one": a, "two": b})
    made = saved(a, "a", 1)
    p.sync("one", "two")
    assert b.contains_set(made)
    for closed in (MemoryRepo(name="c", read=False), MemoryRepo(name="c", write=False)):
        for pair in ((a, closed), (closed, a)):
            with pytest.raises(p.PermissionDeniedError):
                p.sync(*pair)
    with pytest.raises(p.InvalidLabelsError):
        p.sync(a, b, 5)


def test_a_repo_and_itself(a):
    saved(a, "a", 1)
    nothing = p.Transfer(already_there=2)
    assert p.sync(a, a) == p.Synced(nothing, nothing)


def test_progress_of_both_directions_is_told(a, b):
    saved(a, "a", 1)
    saved(b, "a", 2, 3)
    told = []
    p.sync(a, b, progress=told.append)
    ends = [one for one in told if one.artifacts == one.artifacts_total]
    assert [one.artifacts for one in ends] == [2, 4]


# ---- histories

events = st.lists(
    st.builds(
        Labelling,
        set_id=st.sampled_from([an_id(seed) for seed in range(3)]),
        labels=st.sampled_from(LABELS),
        saved_at=st.integers(0, 6).map(lambda seconds: START + timedelta(seconds=seconds)),
    ),
    max_size=8,
)


def is_part_of(part, whole):
    remaining = iter(whole)
    return all(any(one == other for other in remaining) for one in part)


@given(events, events)
def test_a_merged_history_has_all_events_in_the_order_of_each(one, other):
    whole = merged(one, other)
    assert sorted(map(repr, whole)) == sorted(map(repr, chained(one, other)))
    assert is_part_of(one, whole)
    assert is_part_of(other, whole)


@given(events, events, st.sampled_from(LABELS))
def test_histories_that_were_merged_are_the_same_and_have_nothing_to_merge(one, other, labels):
    mine, yours = with_labels(one, labels), with_labels(other, labels)
    mine_now = merged(mine, list(missing_in(mine, yours)))
    yours_now = merged(list(missing_in(yours, mine)), yours)
    assert sorted(map(repr, mine_now)) == sorted(map(repr, yours_now))
    assert list(missing_in(mine_now, yours_now)) == list(missing_in(yours_now, mine_now)) == []
    if not set(map(repr, mine)) & set(map(repr, yours)):
        assert mine_now == yours_now


@given(events, events)
def test_the_latest_is_the_last_by_time(one, other):
    """As long as the clocks go forward."""
    one, other = (sorted(history, key=lambda event: event.saved_at) for history in (one, other))
    whole = merged(one, other)
    assert [event.saved_at for event in whole] == sorted(event.saved_at for event in whole)


@given(events, st.sampled_from(LABELS))
def test_events_are_found_by_some_of_their_labels(history, labels):
    found = with_labels(history, labels)
    assert found == [event for event in history if label_items(labels) <= label_items(event.labels)]


@given(st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)))
def test_the_first_difference(one, other):
    position = first_difference(one, other)
    assert one[:position] == other[:position]
    assert one[position : position + 1] != other[position : position + 1] or one == other
