"""What counts as the same call, and what a hit and a miss give."""

from __future__ import annotations

import functools

import pytest
import toolz

import provenance as p
from provenance.hashing import SCHEME


def test_a_second_call_with_equal_inputs_does_not_run_the_body(calls):
    @p.provenance()
    def add(a, b):
        calls.append((a, b))
        return a + b

    assert add(1, 2) == 3
    assert add(1, 2) == 3
    assert calls == [(1, 2)]


def test_other_inputs_are_another_call(calls):
    @p.provenance()
    def double(a):
        calls.append(a)
        return a * 2

    assert [double(1), double(1.0), double(True), double("1")] == [2, 2.0, 2, "11"]
    assert calls == [1, 1.0, True, "1"]


def test_defaults_are_applied_before_hashing_and_recorded(calls):
    @p.provenance()
    def power(a, b=2, *, c=0):
        calls.append(1)
        return a**b + c

    results = [power(3), power(3, 2), power(a=3, b=2), power(3, c=0)]
    assert results == [9] * 4
    assert calls == [1]
    assert results[0].artifact.inputs == {"kargs": {"a": 3, "b": 2, "c": 0}, "varargs": ()}


def test_varargs_and_extra_keywords_are_recorded(calls):
    @p.provenance()
    def f(a, *rest, **extra):
        calls.append(1)
        return [a, list(rest), extra]

    result = f(1, 2, 3, z=4)
    assert result == [1, [2, 3], {"z": 4}]
    assert result.artifact.inputs == {"kargs": {"a": 1, "z": 4}, "varargs": (2, 3)}
    f(1, 2, 3, z=4)
    f(1, 3, 2, z=4)
    assert len(calls) == 2


def test_positional_only_parameters(calls):
    @p.provenance()
    def f(a, /, b, *, c=1, **extra):
        calls.append(1)
        return (a, b, c, extra)

    assert f(1, 2, d=3) == (1, 2, 1, {"d": 3})
    assert f(1, b=2, c=1, d=3) == (1, 2, 1, {"d": 3})
    assert calls == [1]
    with pytest.raises(TypeError, match="position only"):
        f(1, 2, a=3)


def test_wrong_arguments_raise_what_the_function_would_raise():
    @p.provenance()
    def f(a, b):
        return a + b

    with pytest.raises(TypeError, match=r"f\(\) missing 1 required positional argument: 'b'"):
        f(1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        f(1, 2, c=3)


def test_the_artifact_is_named_after_the_function_and_keyed_by_module_and_qualified_name():
    def make(module, options):
        def load():
            return module

        load.__module__ = module
        return p.provenance(**options)(load)

    one, two = make("pkg.one", {}), make("pkg.two", {})
    assert (one().artifact.name, one().artifact.fn_module) == ("load", "pkg.one")
    assert one() == "pkg.one"
    assert two() == "pkg.two"
    named_one, named_two = make("pkg.one", {"name": "shared"}), make("pkg.two", {"name": "shared"})
    assert named_one() == "pkg.one"
    assert named_two() == "pkg.one", "with name= the name alone is the key"
    assert named_two().artifact.name == "shared"


@pytest.mark.parametrize("versions", [(0, 1), ("a", "b"), (1, "1")])
def test_another_version_is_another_call(versions, calls):
    def f():
        calls.append(1)
        return len(calls)

    results = [p.provenance(version=version, name="f")(f)() for version in (*versions, *versions)]
    assert results == [1, 2, 1, 2]
    assert results[0].artifact.version == versions[0]


def test_the_version_counts_with_and_without_a_name(calls):
    def f(a):
        calls.append(a)
        return a

    for options in ({}, {"name": "f"}):
        ids = {p.provenance(version=version, **options)(f)(1).artifact.id for version in (1, 2, "2")}
        assert len(ids) == 3
    lambdas = [p.provenance(version=version)(lambda a: a) for version in (1, 2)]
    assert lambdas[0](1).artifact.id != lambdas[1](1).artifact.id
    assert len(calls) == 6


def test_two_lambdas_of_one_scope_are_told_apart_by_their_code():
    inc, double = p.provenance()(lambda x: x + 1), p.provenance()(lambda x: x * 2)
    assert (inc(5), double(5)) == (6, 10)


def test_a_decorated_function_is_an_argument_by_what_keys_its_own_calls():
    def make(version, module="__main__"):
        def scale(x):
            return 2 * x

        scale.__module__ = module
        scale.__qualname__ = "scale"
        return p.provenance(version=version)(scale)

    assert p.hash(make(1)) == p.hash(make(1))
    assert p.hash(make(1)) != p.hash(make(2))
    assert p.hash(make(1)) != p.hash(make(1, "other"))
    apply = p.provenance(name="apply")(lambda fn, x: fn(x))
    assert apply(make(1), 3).artifact.id == apply(make(1), 3).artifact.id


def test_partial_and_curry_of_a_decorated_function(calls):
    @p.provenance()
    def f(a, b, c=3):
        calls.append(1)
        return (a, b, c)

    assert functools.partial(f, 1, c=4)(2) == (1, 2, 4)
    assert toolz.curry(f)(1)(2, c=4) == (1, 2, 4)
    assert f(1, 2, 4) == (1, 2, 4)
    assert calls == [1]


def test_ignored_parameters_are_recorded_but_do_not_count(calls):
    @p.provenance(ignore=["n_jobs"])
    def f(a, n_jobs=1):
        calls.append(n_jobs)
        return a

    first, second = f(1, n_jobs=2), f(1, n_jobs=8)
    assert calls == [2]
    assert first.artifact.id == second.artifact.id
    assert second.artifact.inputs["kargs"] == {"a": 1, "n_jobs": 2}


def test_removed_parameters_are_neither_hashed_nor_recorded(calls):
    @p.provenance(remove=("handle",))
    def f(a, handle):
        calls.append(handle)
        return a

    assert f(1, handle=object()) == 1
    assert f(1, handle=object()).artifact.inputs["kargs"] == {"a": 1}
    assert len(calls) == 1


def test_varargs_and_extra_keywords_can_be_ignored_by_their_name(calls):
    @p.provenance(ignore={"rest", "extra"})
    def f(a, *rest, **extra):
        calls.append(1)
        return a

    f(1, 2, x=1)
    assert f(1, 3, y=2).artifact.inputs == {"kargs": {"a": 1, "x": 1}, "varargs": (2,)}
    assert calls == [1]


def test_merge_defaults_fills_up_given_dicts(calls):
    defaults = {"x": 1, "y": 2}

    @p.provenance(merge_defaults=True)
    def f(a, options=defaults, other=7):
        calls.append(options)
        return options

    assert f(0, {"y": 3}) == {"x": 1, "y": 3}
    assert f(0, {"x": 1, "y": 3}) == {"x": 1, "y": 3}
    assert len(calls) == 1

    @p.provenance(merge_defaults=["options"])
    def g(options=defaults, untouched=defaults):
        return (options, untouched)

    assert g({"z": 0}, {"z": 0}) == ({"x": 1, "y": 2, "z": 0}, {"z": 0})
    assert defaults == {"x": 1, "y": 2}


def test_input_hash_fn_gets_and_returns_hashes(calls):
    seen = []

    def only_a(hashes):
        seen.append(hashes)
        return {"kargs": {"a": hashes["kargs"]["a"]}, "varargs": ()}

    @p.provenance(input_hash_fn=only_a)
    def f(a, b, *rest):
        calls.append(1)
        return a

    f(1, 2, 3)
    f(1, 9, 8)
    assert calls == [1]
    assert seen[0] == {"kargs": {"a": p.hash(1), "b": p.hash(2)}, "varargs": (p.hash(3),)}


def test_input_process_fn_changes_what_is_hashed_and_recorded_not_what_the_body_gets(calls):
    def lower(inputs):
        return {"kargs": {"name": inputs["kargs"]["name"].lower()}, "varargs": inputs["varargs"]}

    @p.provenance(input_process_fn=lower)
    def greet(name):
        calls.append(name)
        return f"hello {name}"

    assert greet("Ada") == "hello Ada"
    again = greet("ADA")
    assert again == "hello Ada"
    assert calls == ["Ada"]
    assert again.artifact.inputs["kargs"] == {"name": "ada"}


@pytest.mark.parametrize(
    "returned",
    [
        None,
        1,
        {},
        {"kargs": {}},
        {"kargs": {}, "varargs": (), "more": 1},
        {"kargs": [], "varargs": ()},
        {"kargs": {1: 2}, "varargs": ()},
        {"kargs": {}, "varargs": 3},
    ],
)
@pytest.mark.parametrize("hook", ["input_process_fn", "input_hash_fn"])
def test_a_hook_that_returns_another_shape_is_refused_by_name(hook, returned, calls):
    @p.provenance(**{hook: lambda inputs: returned})
    def f(a):
        calls.append(a)

    with pytest.raises(p.InvalidInputsError, match=hook):
        f(1)
    assert calls == []


def test_input_hash_fn_must_return_hashes():
    f = p.provenance(name="f", input_hash_fn=lambda h: {"kargs": {"a": 1}, "varargs": ()})(lambda a: a)
    with pytest.raises(p.InvalidInputsError, match="hashes"):
        f(1)


def test_use_cache_false_always_computes_and_still_records(calls, repo):
    values = iter([1, 1, 2])

    @p.provenance(use_cache=False)
    def draw():
        calls.append(1)
        return next(values)

    one, again, two = draw(), draw(), draw()
    assert len(calls) == 3
    assert one.artifact.id == again.artifact.id
    assert one.artifact.id != two.artifact.id
    assert one.artifact.id in repo
    assert two.artifact.id in repo
    assert one.artifact.record.recipe is None


def test_set_use_cache_holds_where_the_decorator_does_not_say(calls):
    @p.provenance()
    def f():
        calls.append("f")
        return 1

    @p.provenance(use_cache=True)
    def g():
        calls.append("g")
        return 1

    p.set_use_cache(False)
    try:
        assert not p.get_use_cache()
        for fn in (f, f, g, g):
            fn()
    finally:
        p.set_use_cache(True)
    assert calls == ["f", "f", "g"]


def test_read_only_looks_up_but_stores_nothing(calls, repo):
    @p.provenance(name="f")
    def f(a):
        calls.append(a)
        return [a]

    stored = f(1)
    reader = p.provenance(name="f", read_only=True)(lambda a: [a])
    assert reader(1).artifact.id == stored.artifact.id
    computed = reader(2)
    assert computed == [2]
    assert not computed.artifact.is_stored
    assert computed.artifact.id not in repo
    p.set_read_only(True)
    try:
        assert p.get_read_only()
        assert f(3) == [3]
    finally:
        p.set_read_only(False)
    assert f(3) == [3]
    assert calls == [1, 3, 3]


def test_results_that_were_not_stored_are_plain_values_inside_stored_ones(repo):
    unstored = p.provenance(name="u", read_only=True)(lambda: [1])()
    keep = p.provenance(name="keep")(lambda x: {"got": x})
    result = keep(unstored)
    assert result == {"got": [1]}
    assert result.artifact.inputs["kargs"] == {"x": [1]}
    assert result.artifact.input_artifact_ids == ()
    assert p.dependencies(result) == [result.artifact]


def test_custom_fields_and_tags_are_recorded():
    @p.provenance(custom_fields={"owner": "me", "n": [1, None]}, tags={"b", "a"})
    def f():
        return 1

    artifact = f().artifact
    assert artifact.custom_fields == {"owner": "me", "n": [1, None], "tags": ["a", "b"]}
    assert artifact.tags == ["a", "b"]


def test_the_artifact_tells_about_the_call():
    @p.provenance(version="v2")
    def f(a):
        return a

    artifact = f(p.provenance(name="src")(lambda: [1])()).artifact
    assert artifact.version == "v2"
    assert artifact.serializer == "joblib"
    assert artifact.compute_duration >= 0
    assert artifact.hash_duration >= 0
    assert artifact.computed_at.tzinfo is not None
    assert artifact.run_info["pid"] == p.run_info()["pid"]
    assert artifact.value == [1]
    assert artifact.value_id == p.hash([1])
    assert len(artifact.input_artifact_ids) == 1
    assert artifact.record.hash_scheme == SCHEME
    assert artifact.record.code_id
    assert "f" in repr(artifact)


def test_a_named_repo_or_a_repo_object_can_be_given():
    from provenance.repos.memory import MemoryRepo

    other = MemoryRepo(name="other")
    result = p.provenance(name="f", repo=other)(lambda: 5)()
    assert result.artifact.repo is other
    assert result.artifact.id in other
    with pytest.raises(p.ConfigError, match="nowhere"):
        p.provenance(name="f", repo="nowhere")(lambda: 5)()


def test_methods_static_and_class_methods(calls):
    class Model:
        def __init__(self, k):
            self.k = k

        @p.provenance()
        def scale(self, x):
            calls.append("method")
            return self.k * x

        @staticmethod
        @p.provenance()
        def inner_static(x):
            calls.append("static")
            return x

        @p.provenance()
        @staticmethod
        def outer_static(x):
            return x

        @classmethod
        @p.provenance()
        def inner_class(cls, x):
            return cls.__name__ + x

        @p.provenance()
        @classmethod
        def outer_class(cls, x):
            return cls.__name__ + x

    assert Model(2).scale(3) == 6
    assert Model(2).scale(3) == 6
    assert Model(3).scale(3) == 9
    assert Model.inner_static(1) == Model.inner_static(1) == Model(1).outer_static(1) == 1
    assert Model.inner_class("!") == Model.outer_class("!") == "Model!"
    assert calls == ["method", "method", "static"]


def test_generator_functions_are_refused_at_decoration():
    def numbers():
        yield 1

    async def later():
        yield 1

    for fn in (numbers, later):
        with pytest.raises(p.UsageError, match="generator function"):
            p.provenance()(fn)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 1.5}, "version"),
        ({"version": True}, "version"),
        ({"name": ""}, "name"),
        ({"ignore": "a"}, "ignore"),
        ({"ignore": ["nope"]}, "nope"),
        ({"remove": ["nope"]}, "nope"),
        ({"merge_defaults": ["a"]}, "merge_defaults"),
        ({"input_hash_fn": 3}, "input_hash_fn"),
        ({"custom_fields": {"a": object()}}, "custom_fields"),
        ({"custom_fields": {"a": float("nan")}}, "custom_fields"),
        ({"tags": "abc"}, "tags"),
        ({"serializer": {"a": "joblib"}}, "returns_composite"),
        ({"archive_file": True, "returns_composite": True}, "archive_file"),
        ({"preserve_file_ext": True}, "archive_file=True"),
    ],
)
def test_options_that_do_not_fit_are_refused_at_decoration(options, message):
    with pytest.raises(p.UsageError, match=message):
        p.provenance(**options)(lambda a: a)


def test_what_has_no_name_needs_one():
    with pytest.raises(p.UsageError, match="name="):
        p.provenance()(functools.partial(max, 1))
    assert p.provenance(name="power")(functools.partial(pow, 2))(3) == 8
    with pytest.raises(p.UsageError, match="parameters"):
        p.provenance()(max)
    with pytest.raises(p.UsageError, match="only functions"):
        p.provenance()(3)


def test_the_wrapper_hook_gets_the_function_and_its_options_and_gives_the_callable():
    seen = []

    def hook(fn, options):
        seen.append((fn, options))
        return lambda *args: ("wrapped", fn(*args))

    def f(a):
        return a

    wrapped = p.provenance(version=3, ignore=["a"], _provenance_wrapper=hook)(f)
    assert wrapped(1) == ("wrapped", 1)
    ((fn, options),) = seen
    assert fn is f
    assert (options.version, options.ignore) == (3, frozenset({"a"}))
