"""Artifact sets: capturing, labels, algebra."""

from __future__ import annotations

import threading

import pytest

import provenance as p
from provenance.repos.memory import MemoryRepo


@p.provenance()
def f(n):
    return n


@p.provenance()
def outer(n):
    return f(n) + 100


def test_a_capture_holds_the_set_after_the_block(repo):
    with p.capture_set(labels="run") as result:
        a, b = f(1), f(2)
        assert list(result) == []
        assert result.artifact_set is None
    assert result[0] is result.artifact_set
    assert set(result[0]) == {a.artifact.id, b.artifact.id}
    assert result[0].labels == {"name": "run"}
    assert p.load_set_by_name("run") == result[0]


def test_hits_misses_nested_calls_and_loads_are_captured_cold_and_warm(repo):
    loaded, proxied = f(50).artifact.id, f(51).artifact.id

    def job():
        with p.capture_set() as result:
            outer(1)
            f(2)
            p.load_artifact(loaded)
            p.load_proxy(proxied)
        return result[0]

    cold, warm = job(), job()
    assert cold == warm
    names = sorted(p.load_artifact(key).name for key in cold)
    assert names == ["f", "f", "f", "f", "outer"]


def test_a_capture_sees_every_repo_and_saves_in_the_default_one(repo):
    other = MemoryRepo(name="elsewhere")
    p.state.change(repos={"elsewhere": other})
    try:
        with p.capture_set("mixed") as result:
            a = p.provenance(name="a", repo=other)(lambda: 1)()
            b = f(1)
        assert set(result[0]) == {a.artifact.id, b.artifact.id}
        assert repo.contains_set(result[0].id)
    finally:
        p.state.change(repos={})


def test_nothing_is_saved_when_the_block_raises(repo):
    def job():
        with p.capture_set("bad"):
            f(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        job()
    with pytest.raises(p.SetNotFoundError):
        p.load_set_by_name("bad")


def test_a_nested_capture_counts_for_the_outer_one():
    with p.capture_set("outer") as around:
        a = f(1)
        with p.capture_set("inner") as inside:
            b = f(2)
        c = f(3)
    assert set(inside[0]) == {b.artifact.id}
    assert set(around[0]) == {x.artifact.id for x in (a, b, c)}


def test_another_thread_has_a_context_of_its_own(repo):
    def elsewhere():
        with p.using_repo(repo):
            f(9)

    with p.capture_set() as result:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        a = f(1)
    assert set(result[0]) == {a.artifact.id}


@p.provenance(returns_composite=True)
def pair(n):
    return {"one": f(n) + 1, "other": n + 2}


@pytest.mark.parametrize("run", ["cold", "warm"])
def test_a_composite_that_is_used_brings_all_members_and_nested_calls(repo, run):
    if run == "warm":
        pair(1)
    with p.capture_set() as captured:
        pair(1)["one"]
    assert sorted(p.load_artifact(key).name for key in captured[0]) == ["f", "pair", "pair_one", "pair_other"]


def test_a_member_that_is_loaded_comes_alone(repo):
    member = pair(1)["one"].artifact
    with p.capture_set() as captured:
        p.load_proxy(member.id)
    # The call that computed it computed what is nested in it.
    assert sorted(p.load_artifact(key).name for key in captured[0]) == ["f", "pair_one"]


def test_a_nested_call_that_was_deleted_is_named(repo):
    gone = f(1).artifact.id
    outer(1)
    repo.delete(gone)
    with pytest.warns(p.IncompleteSetWarning, match=gone) as warned, p.capture_set() as captured:
        kept = outer(1)
    assert warned[0].filename == __file__
    assert set(captured[0]) == {kept.artifact.id}


def test_a_composite_whose_member_was_deleted_is_computed_again(repo):
    with p.capture_set() as cold:
        repo.delete(pair(1)["other"].artifact.id)
        assert pair(1) == {"one": 2, "other": 3}
    with p.capture_set() as warm:
        pair(1)
    assert len(cold[0]) == 4
    assert warm[0] == cold[0]


def test_an_initial_set_is_extended():
    first = p.create_set([f(1)])
    with p.capture_set("more", initial_set=first) as result:
        b = f(2)
    assert set(result[0]) == {*first, b.artifact.id}


def test_provenance_set_returns_the_set():
    @p.provenance_set(set_labels="job")
    def job(n):
        outer(n)
        return "dropped"

    artifact_set = job(1)
    assert isinstance(artifact_set, p.ArtifactSet)
    assert len(artifact_set) == 2
    assert p.load_set_by_name("job") == artifact_set

    @p.provenance_set(set_labels_fn=lambda n: {"name": "by-n", "n": n})
    def labelled(n):
        f(n)

    assert labelled(7).labels == {"name": "by-n", "n": 7}
    assert p.load_set_by_labels({"n": 7}) == labelled(7)


def test_bad_labels_are_refused_before_the_block_runs():
    ran = []
    with pytest.raises(p.InvalidLabelsError), p.capture_set({"x": object()}):
        ran.append(1)
    assert ran == []


@pytest.mark.parametrize(
    "labels",
    [
        float("nan"),
        3,
        ["a"],
        {1: 2},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": {2: 3}},
        {"a": [{3: 4}]},
        {"a": "\ud800"},
        "\ud800",
        {"a": {1, 2}},
    ],
)
def test_labels_that_are_not_json_are_refused(labels):
    with pytest.raises(p.InvalidLabelsError):
        p.create_set([], labels=labels)


def test_members_can_be_given_as_ids_artifacts_or_proxies():
    a, b, c = f(1), f(2), f(3)
    made = p.create_set([a, b.artifact, c.artifact.id], labels={"k": [1, None, "é"]})
    assert len(made) == 3
    assert a in made
    assert b.artifact in made
    assert c.artifact.id in made
    assert f(4) not in made
    assert "nonsense" not in made
    assert list(made) == sorted(x.artifact.id for x in (a, b, c))
    assert p.load_set_by_id(made.id) == made
    assert p.load_set_by_labels({"k": [1, None, "é"]}) == made
    assert "3" in repr(made)


def test_a_set_of_unknown_artifacts_is_refused(repo):
    unknown = "0" * 64
    with pytest.raises(p.ArtifactNotFoundError, match=unknown):
        p.create_set([f(1), unknown])
    with pytest.raises(p.ArtifactNotFoundError):
        p.ArtifactSet([unknown]).put()
    for bad in ("abc", 3, None):
        with pytest.raises(p.InvalidIdError):
            p.create_set([bad])


def test_algebra_gives_new_sets_without_labels():
    a, b, c = f(1), f(2), f(3)
    left, right = p.ArtifactSet([a, b], "left"), p.ArtifactSet([b, c], "right")
    assert left | right == p.ArtifactSet([a, b, c])
    assert left - right == p.ArtifactSet([a])
    assert left & right == p.ArtifactSet([b])
    assert left.union(right, labels="u").labels == {"name": "u"}
    assert left.difference([b], labels="d") == p.ArtifactSet([a], "d")
    assert left.intersection(right, [b.artifact], labels="i") == p.ArtifactSet([b], "i")
    assert left.add(c) == p.ArtifactSet([a, b, c])
    assert left.add([c.artifact, a], labels="l").labels == {"name": "l"}
    assert left.remove(a) == p.ArtifactSet([b])
    with pytest.raises(p.ArtifactNotFoundError):
        left.remove(c)
    assert left.labels == {"name": "left"}
    with pytest.raises(TypeError):
        left | 3
    assert len({left, p.ArtifactSet([b, a], "left")}) == 1


def test_relabel_rename_and_label_set():
    made = p.create_set([f(1)], {"name": "a", "k": 1})
    assert made.rename("b").labels == {"name": "b", "k": 1}
    assert made.relabel("c").labels == {"name": "c"}
    assert made.name == "a"
    with pytest.raises(p.SetNotFoundError):
        p.load_set_by_name("b")
    made.rename("b").put()
    assert p.load_set_by_name("b").id == made.id
    p.label_set(made.id, "d")
    p.label_set(made, {"name": "e"})
    assert p.load_set_by_name("d").id == p.load_set_by_name("e").id == made.id


def test_the_latest_set_of_a_label_is_the_one_saved_last():
    one, two = p.create_set([f(1)], "daily"), p.create_set([f(2)], "daily")
    assert p.load_set_by_name("daily") == two
    one.put()
    assert p.load_set_by_name("daily") == one
    assert p.load_set_by_labels("daily") == one


def test_proxy_dict_loads_members_by_name():
    a, b = f(1), outer(2)
    made = p.create_set([a, b])
    proxies = made.proxy_dict()
    assert set(proxies) == {"f", "outer"}
    assert proxies["outer"] == 102
    assert proxies == {"f": 1, "outer": 102}
    double = p.create_set([f(1), f(2)])
    with pytest.raises(p.InvalidInputsError, match="group_artifacts_of_same_name"):
        double.proxy_dict()
    assert sorted(double.proxy_dict(group_artifacts_of_same_name=True)["f"]) == [1, 2]


def test_lazy_dicts_make_values_once():
    made = []
    lazy = p.lazy_dict({"a": lambda: made.append(1) or 5})
    assert "a" in lazy
    assert len(lazy) == 1
    assert made == []
    assert "…" in repr(lazy)
    assert (lazy["a"], lazy["a"]) == (5, 5)
    assert made == [1]
    assert "5" in repr(lazy)
    with pytest.raises(KeyError):
        lazy["b"]
    assert p.hash(lazy) == p.hash(p.lazy_dict({"a": lambda: 5}))


def test_lazy_proxy_dict_takes_ids_artifacts_and_proxies():
    a, b, c = f(1), outer(2), p.provenance(name="c")(lambda: 3)()
    assert p.lazy_proxy_dict([a, b.artifact, c.artifact.id]) == {"f": 1, "outer": 102, "c": 3}
