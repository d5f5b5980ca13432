"""Bodies get plain values, and lineage is kept all the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import provenance as p


@p.provenance()
def source(n):
    return list(range(n))


def test_the_body_gets_plain_values(calls):
    @dataclasses.dataclass
    class Pair:
        left: object
        right: object

    @p.provenance()
    def f(a, nested, pair, *rest, **extra):
        calls.append([type(a), type(nested["k"][0]), type(pair.left), type(rest[0]), type(extra["x"])])
        return 1

    s = source(3)
    result = f(s, {"k": [s, 1]}, Pair(s, 2), s, x=s)
    assert calls == [[list] * 5]
    assert result.artifact.input_artifact_ids == (s.artifact.id,)
    paths = {edge.path for edge in result.artifact.record.edges}
    assert paths == {"kargs['a']", "kargs['nested']['k'][0]", "kargs['pair'].left", "varargs[0]", "kargs['x']"}


def test_inputs_loaded_from_the_repo_hold_proxies():
    s = source(3)
    inputs = p.provenance(name="f")(lambda a, b: 1)(s, [s]).artifact.inputs
    assert p.is_proxy(inputs["kargs"]["a"])
    assert p.is_proxy(inputs["kargs"]["b"][0])
    assert inputs["kargs"]["a"].artifact == s.artifact
    assert inputs["kargs"]["b"] == [[0, 1, 2]]


def test_a_proxy_and_its_value_are_the_same_input(calls):
    @p.provenance()
    def total(xs):
        calls.append(1)
        return sum(xs)

    assert total(source(4)) == total([0, 1, 2, 3]) == 6
    assert calls == [1]


def test_pass_proxies_hands_over_the_proxies():
    seen = []

    @p.provenance(pass_proxies=True)
    def f(a, b):
        seen.extend([p.is_proxy(a), p.is_proxy(b[0])])
        return sum(a)

    s = source(3)
    assert f(s, [s]) == 3
    assert seen == [True, True]


@pytest.mark.parametrize("outside", [True, False])
def test_ensure_proxies_works_on_either_side(outside):
    def total(xs, scale=1):
        return sum(xs) * scale

    ensure, cache = p.ensure_proxies("xs"), p.provenance()
    f = ensure(cache(total)) if outside else cache(ensure(total))
    assert f(source(3), scale=2) == 6
    with pytest.raises(p.InvalidInputsError, match="xs"):
        f([0, 1, 2, 7])


def test_ensure_proxies_checks_all_arguments_when_none_is_named():
    @p.ensure_proxies()
    def f(a, *rest, **extra):
        return True

    s = source(1)
    assert f(s, s, x=s)
    for args, kwargs, name in [((1,), {}, "a"), ((s, 1), {}, r"rest\[0\]"), ((s,), {"x": 1}, "x")]:
        with pytest.raises(p.InvalidInputsError, match=name):
            f(*args, **kwargs)
    with pytest.raises(p.UsageError, match="nope"):
        p.ensure_proxies("nope")(lambda a: a)


def test_a_nested_call_with_a_plain_value_records_the_lineage_and_does_not_hash_it_again(calls):
    hashed = []

    class Big:
        def __init__(self, n):
            self.n = n

        def value_repr(self):
            hashed.append(self.n)
            return self.n

    globals()["Big"] = Big
    Big.__qualname__ = "Big"

    @p.provenance()
    def make(n):
        return Big(n)

    @p.provenance()
    def inner(big):
        calls.append(type(big))
        return big.n

    @p.provenance(ignore=())
    def outer(big):
        before = len(hashed)
        result = inner(big)
        calls.append(len(hashed) - before)
        return result + 1

    big = make(5)
    result = outer(big)
    assert result == 6
    assert calls == [Big, 0]
    nested = [edge.artifact_id for edge in result.artifact.record.edges if edge.kind == "call"]
    (inner_artifact,) = (p.load_artifact(key) for key in nested)
    assert inner_artifact.input_artifact_ids == (big.artifact.id,)
    assert inner_artifact.name == "inner"


def test_nested_calls_in_containers_keep_their_lineage():
    @p.provenance()
    def inner(parts):
        return len(parts)

    @p.provenance()
    def outer(a, b):
        return inner([a, b])

    a, b = source(1), source(2)
    result = outer(a, b)
    (nested,) = (p.load_artifact(e.artifact_id) for e in result.artifact.record.edges if e.kind == "call")
    assert set(nested.input_artifact_ids) == {a.artifact.id, b.artifact.id}


def test_a_result_that_holds_proxies_refers_to_them():
    big = p.provenance(name="big")(lambda: np.arange(100_000.0))()

    @p.provenance()
    def gather():
        return {"data": big, "n": 1}

    result = gather()
    loaded = result.artifact.value
    assert p.is_proxy(loaded["data"])
    assert loaded["data"].artifact == big.artifact
    assert len(result.artifact.record.value_inline or b"") < 1000
    assert [edge.kind for edge in result.artifact.record.edges] == ["result"]
    assert p.dependencies(result) == [big.artifact, result.artifact]


def test_a_result_that_is_a_proxy_is_the_same_stored_value():
    big = p.provenance(name="big")(lambda: np.arange(100_000.0))()
    same = p.provenance(name="same", pass_proxies=True)(lambda x: x)(big)
    assert same.artifact.id != big.artifact.id
    assert same.artifact.value_id == big.artifact.value_id
    assert same.artifact.record.value_blob == big.artifact.record.value_blob
    assert same.artifact.serializer == big.artifact.serializer
    np.testing.assert_array_equal(p.unwrap(same), np.arange(100_000.0))


def test_dependencies_are_in_topological_order_and_end_with_the_artifact():
    @p.provenance()
    def add(a, b):
        return [sum(a) + sum(b)]

    a, b = source(2), source(3)
    c = add(a, b)
    d = add(c, a)
    order = [artifact.id for artifact in p.dependencies(d)]
    assert order[-1] == d.artifact.id
    assert set(order) == {x.artifact.id for x in (a, b, c, d)}
    assert order.index(c.artifact.id) > max(order.index(a.artifact.id), order.index(b.artifact.id))
    assert p.dependencies(d.artifact.id) == p.dependencies(d.artifact) == p.dependencies(d)


def test_proxies_in_ignored_arguments_are_lineage_too():
    s = source(2)
    result = p.provenance(name="f", ignore=["extra"])(lambda a, extra: a)(1, [s])
    assert result.artifact.input_artifact_ids == (s.artifact.id,)


def test_a_function_that_changes_its_inputs_is_refused_by_name(calls):
    @p.provenance()
    def grow(xs, n, table):
        xs.append(n)
        table["k"].append(1)
        return len(xs)

    with pytest.raises(p.ImpureFunctionError, match=r"kargs\['table'\], kargs\['xs'\]"):
        grow([1], 2, {"k": []})
    with pytest.raises(p.ImpureFunctionError, match="xs"):
        grow(source(2), 2, {"k": []})


def test_a_function_that_gets_proxies_must_not_change_their_values_either():
    @p.provenance(pass_proxies=True)
    def grow(xs, parts):
        parts[0].append(5)
        return sum(xs)

    with pytest.raises(p.ImpureFunctionError, match=r"kargs\['parts'\]\[0\]"):
        grow(source(3), [source(4)])


def test_only_what_an_impure_body_computed_is_removed(repo):
    @p.provenance()
    def total(xs):
        return sum(xs)

    @p.provenance()
    def deep(xs):
        return total(xs) + 1

    @p.provenance()
    def bad(xs, n):
        total(xs)
        xs.append(n)
        return deep(xs)

    good = total(source(3))
    with pytest.raises(p.ImpureFunctionError):
        bad(source(3), 5)
    assert good.artifact.id in repo
    assert deep([0, 1, 2]) == 4


def test_an_impure_body_that_raises_leaves_nothing_wrong_behind(repo):
    @p.provenance()
    def total(xs):
        return sum(xs)

    @p.provenance()
    def fails(xs, change):
        if change:
            xs.append(100)
        total(xs)
        raise KeyError

    @p.provenance()
    def around(xs):
        with pytest.raises(KeyError):
            fails(xs, change=True)
        return 0

    with pytest.raises(KeyError):
        fails(source(3), change=True)
    assert total([0, 1, 2]) == 3
    with pytest.raises(p.ImpureFunctionError):
        around(source(4))
    assert total([0, 1, 2, 3]) == 6
    with pytest.raises(KeyError):
        fails(source(5), change=False)
    assert total(source(5)) == 10


def test_members_of_a_composite_are_hashed_once():
    hashed = []

    class Member:
        def value_repr(self):
            hashed.append(1)
            return 1

    @p.provenance(returns_composite=True)
    def parts():
        return {"m": Member()}

    globals()["Member"] = Member
    Member.__qualname__ = "Member"
    parts()
    assert len(hashed) == 1


def test_an_impure_body_is_named_also_where_nothing_may_be_deleted(caplog):
    from provenance.repos.memory import MemoryRepo

    @p.provenance()
    def total(xs):
        return sum(xs)

    @p.provenance()
    def bad(xs):
        xs.append(9)
        return total(xs)

    with p.using_repo(MemoryRepo(name="kept", delete=False)), pytest.raises(p.ImpureFunctionError):
        bad(source(3))
    assert "may hold a wrong value" in caplog.text


def test_changing_ignored_and_removed_inputs_is_allowed():
    log = []

    @p.provenance(remove=["log"])
    def f(a, log):
        log.append(a)
        return a

    assert f(1, log) == 1
    assert log == [1]


def test_a_body_that_changes_an_input_before_a_nested_call_leaves_nothing_wrong_behind(repo):
    @p.provenance()
    def total(xs):
        return sum(xs)

    @p.provenance()
    def bad(xs):
        xs.append(100)
        return total(xs)

    s = source(3)
    with pytest.raises(p.ImpureFunctionError):
        bad(s)
    assert total([0, 1, 2]) == 3


def total(xs):
    return sum(xs)


def test_check_mutations_refuses_a_proxy_whose_value_was_changed():
    f = p.provenance(name="f")(total)
    s, t = source(3), source(4)
    s.append(50)
    p.set_check_mutations(True)
    try:
        assert p.get_check_mutations()
        with pytest.raises(p.MutatedArtifactValueError, match=r"kargs\['xs'\].*" + s.artifact.id):
            f(s)
        with pytest.raises(p.MutatedArtifactValueError):
            f([s])
        assert f(t) == 6
    finally:
        p.set_check_mutations(False)


def test_transform_value_keeps_the_artifact_and_hashes_as_the_new_value(calls):
    @p.provenance()
    def f(x):
        calls.append(x)
        return x

    s = source(3)
    as_tuple = s.transform_value(tuple)
    assert as_tuple == (0, 1, 2)
    assert as_tuple.artifact == s.artifact
    assert p.hash(as_tuple) == p.hash((0, 1, 2))
    f(s)
    result = f(as_tuple)
    assert calls == [[0, 1, 2], (0, 1, 2)]
    assert result.artifact.input_artifact_ids == (s.artifact.id,)
    assert s.transform_value(tuple).transform_value(len) == 3
