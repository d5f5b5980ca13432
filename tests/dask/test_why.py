"""Why a call has to run: what differs from the stored call of its function that is most like it."""

from __future__ import annotations

import dask
import numpy as np
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import UsageError
from provenance.repos.memory import MemoryRepo
from provenance_dask.graph import build_remote_graph
from provenance_dask.resolve import resolve
from provenance_dask.shipping import surroundings
from tests.dask.pipeline import add, describe, fails, now, source, split, total


def make(version=0, **options):
    """A function of its own for a test, in a version."""

    @pd.provenance(name="fitted", version=version, **options)
    def fitted(data, params=None, *more):
        return repr((data, params, more))

    return fitted


def paths(why):
    return [change.path for change in why.changes]


def test_a_function_without_stored_calls_has_never_run(repo, log):
    why = pd.why(source(1, log=log))
    assert (why.function, why.reason, why.changes) == ("tests.dask.pipeline.source", "never run", ())
    assert str(why) == "tests.dask.pipeline.source has never run"


def test_a_stored_call_need_not_run(repo, log):
    source(1, log=log).compute(scheduler="sync")
    add(source(1, log=log), 1, log=log).compute(scheduler="sync")
    assert pd.why(source(1, log=log)).reason == "stored"
    assert pd.why(add(source(1, log=log), 1, log=log)).reason == "stored"


def test_another_version_is_named_with_both(repo):
    make(1)(5).compute(scheduler="sync")
    why = pd.why(make(2)(5))
    assert why.reason == "version"
    assert why.changes == (pd.Change("version", 1, 2),)
    assert str(why).splitlines()[1] == "  version: 1 -> 2"
    assert pd.why(make("1")(5)).changes == (pd.Change("version", 1, "1"),)


def test_an_argument_is_named_with_both_values(repo, log):
    add(source(1, log=log), 1, log=log).compute(scheduler="sync")
    why = pd.why(add(source(1, log=log), 2, log=log))
    assert why.reason == "arguments"
    assert why.changes == (pd.Change("kargs['b']", 1, 2),)
    assert str(why).splitlines()[1] == "  kargs['b']: 1 -> 2"


def test_the_place_inside_of_an_argument_is_named(repo):
    fitted = make()
    fitted(1, {"alpha": 0.1, "layers": [1, {"size": 3}]}, "x").compute(scheduler="sync")
    why = pd.why(fitted(1, {"alpha": 0.2, "layers": [1, {"size": 4}, 5]}, "y"))
    assert why.changes == (
        pd.Change("kargs['params']['alpha']", 0.1, 0.2),
        pd.Change("kargs['params']['layers'][1]['size']", 3, 4),
        pd.Change("kargs['params']['layers'][2]", "<absent>", 5),
        pd.Change("varargs[0]", "x", "y"),
    )


def test_arguments_that_were_not_given_are_absent(repo):
    fitted = make()
    fitted(1, None, 7, 8).compute(scheduler="sync")
    assert pd.why(fitted(1, None, 7)).changes == (pd.Change("varargs[1]", 8, "<absent>"),)


def test_ignored_arguments_are_no_reason(repo, tmp_path):
    add(1, 2, log=str(tmp_path / "a")).compute(scheduler="sync")
    assert paths(pd.why(add(1, 3, log=str(tmp_path / "b")))) == ["kargs['b']"]


def test_types_differ_though_values_are_equal(repo):
    fitted = make()
    fitted(1).compute(scheduler="sync")
    assert pd.why(fitted(1.0)).changes == (pd.Change("kargs['data']", 1, 1.0),)
    assert pd.why(fitted(True)).changes == (pd.Change("kargs['data']", 1, True),)


def test_long_values_are_bounded_and_their_hashes_tell_them_apart(repo):
    fitted = make()
    fitted("x" * 100_000).compute(scheduler="sync")
    (change,) = pd.why(fitted("x" * 99_999 + "y")).changes
    assert change.path == "kargs['data']"
    assert (change.before, change.after) == (
        {"hash": p.hash("x" * 100_000)},
        {"hash": p.hash("x" * 99_999 + "y")},
    )
    why = pd.why(fitted("y" * 100_000))
    assert len(str(why.changes[0])) < 250
    fitted({str(i): i for i in range(100)}).compute(scheduler="sync")
    assert len(pd.why(fitted({str(i): -i - 1 for i in range(100)})).changes) <= 20


def test_the_nearest_stored_call_is_the_one_with_the_fewest_differences(repo):
    fitted = make()
    for data, params in ((1, "a"), (2, "b"), (3, "c")):
        fitted(data, params).compute(scheduler="sync")
    assert pd.why(fitted(2, "z")).changes == (pd.Change("kargs['params']", "b", "z"),)
    assert pd.why(fitted(9, "c")).changes == (pd.Change("kargs['data']", 3, 9),)


def test_of_calls_that_are_equally_near_the_latest_counts(repo):
    fitted = make()
    for data in (5, 4, 6):
        fitted(data).compute(scheduler="sync")
    assert pd.why(fitted(9)).changes == (pd.Change("kargs['data']", 6, 9),)


def test_another_upstream_artifact_is_named_with_both(repo, log):
    add(source(1, log=log), 5, log=log).compute(scheduler="sync")
    source(2, log=log).compute(scheduler="sync")
    before, after = source(1, log=log).artifact_id, source(2, log=log).artifact_id
    why = pd.why(add(source(2, log=log), 5, log=log))
    assert why.reason == "upstream"
    assert why.changes == (pd.Change("kargs['a']", {"artifact": before}, {"artifact": after}),)
    assert str(why).splitlines()[1] == f"  kargs['a']: artifact {before[:12]} -> artifact {after[:12]}"


def test_an_upstream_call_that_is_not_computed_is_named_by_its_key(repo, log):
    total([source(1, log=log), source(2, log=log)], log=log).compute(scheduler="sync")
    fresh = source(3, log=log)
    why = pd.why(total([source(1, log=log), fresh], log=log))
    assert why.reason == "upstream"
    (change,) = why.changes
    assert change.path == "kargs['parts'][1]"
    assert change.before == {"artifact": source(2, log=log).artifact_id}
    assert change.after == {"awaits": fresh.key}
    assert str(change).endswith(f"-> the result of {fresh.key[:-52]}")


def test_many_upstream_calls_are_compared_one_by_one(repo, log):
    def node(changed=None):
        return total([source(-1 if i == changed else i, log=log) for i in range(300)], log=log)

    node().compute(scheduler="sync")
    assert paths(pd.why(node(250))) == ["kargs['parts'][250]"]
    source(-1, log=log).compute(scheduler="sync")
    assert paths(pd.why(node(250))) == ["kargs['parts'][250]"]


def test_no_more_than_twenty_changes_are_named(repo, log):
    total([source(i, log=log) for i in range(50)], log=log).compute(scheduler="sync")
    assert len(pd.why(total([source(i, log=log) for i in range(100, 150)], log=log)).changes) == 20


def test_a_value_in_the_place_of_a_result(repo, log):
    add(1, 5, log=log).compute(scheduler="sync")
    fresh = source(2, log=log)
    assert pd.why(add(fresh, 5, log=log)).changes == (pd.Change("kargs['a']", 1, {"awaits": fresh.key}),)
    add(fresh, 6, log=log).compute(scheduler="sync")
    (change,) = pd.why(add(3, 6, log=log)).changes
    assert (change.before, change.after) == ({"artifact": fresh.artifact_id}, 3)


def test_an_equal_value_from_elsewhere_is_no_difference(repo, log):
    """Hashes decide, not where a value is from."""
    add(1, 5, log=log).compute(scheduler="sync")
    source(1, log=log).compute(scheduler="sync")
    assert paths(pd.why(add(source(1, log=log), 6, log=log))) == ["kargs['b']"]


def test_the_first_of_several_kinds_is_the_reason(repo, log):
    make(1)(source(1, log=log), "a").compute(scheduler="sync")
    why = pd.why(make(2)(source(2, log=log), "b"))
    assert (why.reason, paths(why)) == ("version", ["version", "kargs['data']", "kargs['params']"])
    assert pd.why(make(1)(source(2, log=log), "b")).reason == "arguments"


def test_lambdas_differ_by_their_code(repo):
    def made(fn):
        return pd.provenance()(fn)

    made(lambda x: x + 1)(1).compute(scheduler="sync")
    why = pd.why(made(lambda x: x + 2)(1))
    assert (why.reason, paths(why)) == ("code", ["code"])


def test_a_function_without_a_name_of_its_own_is_known_by_module_and_name(repo, log):
    @pd.provenance()
    def source(x):
        return x

    pd.compute(source(1), scheduler="sync")
    from tests.dask.pipeline import source as other

    assert pd.why(other(1, log=log)).reason == "never run"


def test_calls_that_are_always_computed_say_so(repo, log):
    now(1, log=log).compute(scheduler="sync")
    assert pd.why(now(1, log=log)).reason == "always computed"
    source(1, log=log).compute(scheduler="sync")
    p.set_use_cache(False)
    assert pd.why(source(1, log=log)).reason == "always computed"


def test_what_is_stored_but_cannot_be_used_is_said(repo, log, monkeypatch):
    source(1, log=log).compute(scheduler="sync")
    monkeypatch.setattr(repo, "has_value", lambda record: False)
    why = pd.why(source(1, log=log))
    assert (why.reason, why.changes) == ("unusable", ())


def test_members_are_explained_by_their_composites(repo, log):
    split(source(30, log=log), log=log).compute(scheduler="sync")
    why = pd.why(split(source(31, log=log), log=log)["tenth"])
    assert (why.function, why.reason, paths(why)) == ("tests.dask.pipeline.split", "upstream", ["kargs['x']"])
    assert pd.why(split(source(30, log=log), log=log)["tenth"]).reason == "stored"


def test_calls_that_failed_have_never_run(repo, log):
    node = fails(1, log=log)
    with pytest.raises(LookupError):
        node.compute(scheduler="sync")
    assert pd.why(node).reason == "never run"


def test_functions_with_hooks_wait_for_values(repo, log):
    def process(inputs):
        return inputs | {"kargs": inputs["kargs"] | {"data": abs(p.unwrap(inputs["kargs"]["data"]))}}

    fitted = make(input_process_fn=process)
    fitted(source(-3, log=log)).compute(scheduler="sync")
    assert pd.why(fitted(source(-3, log=log))).reason == "stored"
    fresh = source(5, log=log)
    why = pd.why(fitted(fresh))
    assert (why.reason, paths(why)) == ("upstream", ["kargs['data']"])
    assert why.changes[0].after == {"awaits": fresh.key}
    fresh.compute(scheduler="sync")
    assert paths(pd.why(fitted(source(5, log=log)))) == ["kargs['data']"]


def test_arguments_are_compared_below_a_call_that_is_always_computed(repo, log):
    add(now(1, log=log), 1, log=log).compute(scheduler="sync")
    assert paths(pd.why(add(now(1, log=log), 2, log=log))) == ["kargs['a']", "kargs['b']"]


def test_the_repo_of_the_function_is_asked(repo, log):
    own = MemoryRepo(name="own")
    fitted = make(repo=own)
    fitted(1).compute(scheduler="sync")
    assert paths(pd.why(fitted(2))) == ["kargs['data']"]
    assert make()(2).compute(scheduler="sync")
    assert paths(pd.why(fitted(2))) == ["kargs['data']"]


def test_a_repo_that_cannot_be_searched_has_no_stored_calls(repo, log):
    class Bare:
        """Only what the engine needs of a repo."""

        def __init__(self, within):
            self.within = within

        def __getattr__(self, name):
            return getattr(self.within, name)

    bare = Bare(repo)
    with p.using_repo(bare):
        source(1, log=log).compute(scheduler="sync")
        assert pd.why(source(2, log=log)).reason == "never run"


def test_nothing_runs_and_nothing_is_loaded(repo, executions, log):
    from tests.dask.pipeline import heavy, number_of

    number_of(heavy(1, log=log), log=log).compute(scheduler="sync")
    heavy(2, log=log).compute(scheduler="sync")
    executions.take()
    assert pd.why(number_of(heavy(2, log=log), log=log)).reason == "upstream"
    assert executions.take() == []


def test_large_arguments_are_values_wherever_they_are_kept(repo, log):
    def run(node):
        graph = build_remote_graph(resolve([node.step]), surroundings(), None)
        return dask.get(dict(graph.layers), graph.keys[node.step])

    values = np.ones(1 << 14)
    stored = run(describe([source(1, log=log).compute(scheduler="sync"), values], log=log))
    assert {artifact.name for artifact in p.dependencies(stored)} == {"describe", "literal", "source"}
    why = pd.why(describe([source(1, log=log).compute(scheduler="sync"), values + 1], log=log))
    assert (why.reason, paths(why)) == ("arguments", ["kargs['anything']"])
    why = pd.why(describe([source(2, log=log), values], log=log))
    assert (why.reason, paths(why)) == ("upstream", ["kargs['anything'][0]"])


def test_only_lazy_artifacts_are_explained(repo):
    with pytest.raises(UsageError, match="why\\(\\) explains calls"):
        pd.why(3)
