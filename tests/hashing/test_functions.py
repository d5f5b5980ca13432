"""Functions and classes: by name where another process can import them, else by what they do."""

import functools
import json
import subprocess
import sys
import textwrap

import pytest

from provenance.errors import HashingError
from provenance.hashing import fingerprint, hash_value
from tests.hashing.examples import Plain, atoms
from tests.hashing.standing_in import stand_in


def defined(source, *names, **space):
    """Functions as a notebook defines them: in a module that cannot be imported."""
    space = {"__name__": "__main__", **space}
    exec(textwrap.dedent(source), space)
    return space[names[0]] if len(names) == 1 else [space[name] for name in names]


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorated
def importable(x):
    return x


@functools.lru_cache
def cached(x):
    return x


class TestByName:
    def test_an_importable_function_is_its_name(self):
        assert fingerprint(atoms).encoding.endswith(b"tests.hashing.examples:atoms")

    def test_a_decorated_function_and_what_it_wraps_have_one_name(self):
        assert hash_value(importable) == hash_value(importable.__wrapped__)
        assert hash_value(cached) != hash_value(importable)

    def test_a_name_that_means_something_else_by_now_is_no_name(self, monkeypatch):
        import tests.hashing.examples as module

        original, before = atoms, hash_value(atoms)
        monkeypatch.setattr(module, "atoms", defined("def atoms(): return 1", "atoms"))
        assert hash_value(original) != before

    def test_a_name_that_leads_in_a_circle_is_no_name(self, monkeypatch):
        import tests.hashing.examples as module

        original = atoms
        impostor = defined("def atoms(): return 1", "atoms")
        impostor.__wrapped__ = impostor
        monkeypatch.setattr(module, "atoms", impostor)
        assert b"examples:atoms" not in fingerprint(original).encoding

    def test_methods_are_function_and_object(self):
        assert hash_value(Plain(x=1).method) == hash_value(Plain(x=1).method) != hash_value(Plain(x=2).method)
        assert hash_value("a".upper) != hash_value("b".upper)
        assert hash_value("a".upper) != hash_value("a".lower)

    def test_partials(self):
        assert hash_value(functools.partial(atoms, 1)) != hash_value(functools.partial(atoms, 2))
        assert hash_value(functools.partial(atoms, stand_in(1))) == hash_value(functools.partial(atoms, 1))


class TestByCode:
    def test_name_file_and_line_do_not_count(self):
        assert hash_value(defined("def f(x):\n  return x + 1", "f")) == hash_value(
            defined("\n\n\ndef g(x):\n\n    return x + 1", "g")
        )

    @pytest.mark.parametrize(
        "other",
        ["x + 2", "x - 1", "x + 1.0", "(lambda: x + 1)()", "y + 1", "x + True"],
    )
    def test_what_it_does_counts(self, other):
        assert hash_value(defined("f = lambda x: x + 1", "f")) != hash_value(defined(f"f = lambda x: {other}", "f"))

    def test_defaults_count(self):
        hashes = {
            hash_value(defined(f"def f({p}): return x", "f")) for p in ("x", "x=1", "x=2", "*, x=1", "*, x=2", "x, /")
        }
        assert len(hashes) == 6

    def test_the_closure_counts(self):
        def make(factor):
            return lambda x: x * factor

        assert hash_value(make(2)) == hash_value(make(2)) != hash_value(make(3))
        assert hash_value(make([stand_in(2)])) == hash_value(make([2]))

    def test_a_variable_that_is_not_set_yet(self):
        def make():
            def f():
                return later

            early = hash_value(f)
            later = 1
            return early, hash_value(f)

        early, late = make()
        assert early != late

    def test_globals_that_are_read_count_and_no_others(self):
        source = "def f(x): return [x * FACTOR for _ in x]"
        assert hash_value(defined(source, "f", FACTOR=2)) != hash_value(defined(source, "f", FACTOR=3))
        assert hash_value(defined(source, "f", FACTOR=2, other=1)) == hash_value(
            defined(source, "f", FACTOR=2, other=2)
        )
        assert hash_value(defined("def f(x): return x.FACTOR", "f", FACTOR=2)) == hash_value(
            defined("def f(x): return x.FACTOR", "f", FACTOR=3)
        )

    def test_modules_count_by_name(self):
        assert hash_value(defined("f = lambda x: m.dumps(x)", "f", m=json)) != hash_value(
            defined("f = lambda x: m.dumps(x)", "f", m=pytest)
        )

    def test_functions_it_calls_count_by_what_they_do(self):
        source = "def g(x): return x + {}\ndef f(x): return g(x)"
        assert hash_value(defined(source.format(1), "f")) == hash_value(defined(source.format(1), "f"))
        assert hash_value(defined(source.format(1), "f")) != hash_value(defined(source.format(2), "f"))

    def test_attributes_of_the_function_count(self):
        one, other = (defined("def f(): return f.limit", "f") for _ in range(2))
        one.limit, other.limit = 1, 2
        assert hash_value(one) != hash_value(other)

    def test_an_unhashable_global_is_named(self):
        with pytest.raises(HashingError, match=r"^kargs\['f'\]\.LOCK "):
            fingerprint(defined("f = lambda: LOCK", "f", LOCK=object()), path="kargs['f']")

    def test_a_stand_in_among_the_globals_is_not_touched(self):
        source = "def f(x): return g(x) + DATA + d['a'][0]"
        plain = defined(source + "\ng = lambda x: DATA", "f", DATA=1, d={"a": [1]})
        replaced = defined(source + "\ng = lambda x: DATA", "f", DATA=stand_in(1), d={"a": [stand_in(1)]})
        assert hash_value(plain) == hash_value(replaced)

    def test_a_stand_in_for_a_function_it_calls(self):
        plain = defined("h = lambda x: x\ng = lambda x: h(x)\nf = lambda x: g(x)", "f")
        plain.__globals__["g"] = stand_in(plain.__globals__["g"])
        assert hash_value(plain) == hash_value(defined("h = lambda x: x\ng = lambda x: h(x)\nf = lambda x: g(x)", "f"))

    def test_an_identity_given_to_a_function(self):
        f = defined("f = lambda: LOCK", "f", LOCK=object())
        f.__provenance_identity__ = lambda: "f, version 1"
        assert hash_value(f) == hash_value(f)
        assert hash_value(defined("g = lambda: f()", "g", f=f)) == hash_value(defined("g = lambda: f()", "g", f=f))

    def test_data_in_containers_is_followed_once(self):
        data = list(range(10_000))
        f = defined("f = lambda: (DATA, TABLE)", "f", DATA=data, TABLE={"data": data})
        assert hash_value(f) == hash_value(f)


EVEN_ODD = """
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - {})
"""


class TestCircles:
    def test_a_function_that_calls_itself(self):
        source = "def f(n): return n and f(n - {})"
        assert hash_value(defined(source.format(1), "f")) == hash_value(defined(source.format(1), "f"))
        assert hash_value(defined(source.format(1), "f")) != hash_value(defined(source.format(2), "f"))

    def test_functions_that_call_each_other(self):
        even, odd = defined(EVEN_ODD.format(1), "even", "odd")
        again = defined(EVEN_ODD.format(1), "odd", "even")
        assert hash_value([even, odd]) == hash_value([again[1], again[0]])
        assert hash_value(even) != hash_value(odd)
        assert hash_value(even) != hash_value(defined(EVEN_ODD.format(2), "even"))

    @pytest.mark.parametrize(
        "table",
        [
            "{'f': f}",
            "[(f,)]",
            "{1: f, 'x': [f]}",
            "{int: f, str: g}",
            "functools.partial(f, 1)",
            "functools.partial(int, key={'f': f})",
            "staticmethod(f)",
            "property(f)",
            "K().m",
        ],
    )
    def test_circles_through_containers(self, table):
        source = "class K:\n  def m(self): return f(1)\n  def __getstate__(self): return 1\n"
        source += f"def g(x): return x\ndef f(x): return TABLE, g\nTABLE = {table}"
        assert hash_value(defined(source, "f", functools=functools)) == hash_value(
            defined(source, "f", functools=functools)
        )
        changed = source.replace("return TABLE, g", "return TABLE, x")
        assert hash_value(defined(changed, "f", functools=functools)) != hash_value(
            defined(source, "f", functools=functools)
        )

    def test_a_table_means_the_same_before_and_after_a_function_that_refers_to_it(self):
        f = defined("def f(): return TABLE\nTABLE = {'f': f, **{f'k{i}': 'x' * 100 for i in range(60)}}", "f")
        table = f.__globals__["TABLE"]
        for value in ([f, table, f], [table, f, table]):
            assert hash_value(value) == hash_value([stand_in(part) for part in value])

    def test_the_order_of_a_table_does_not_count(self):
        source = "def f(): return T\ndef g(): return T, 1\ndef h(): return T, 2\nT = {}"
        assert hash_value(defined(source.format("{'g': g, 'h': h}"), "f")) == hash_value(
            defined(source.format("{'h': h, 'g': g}"), "f")
        )

    def test_a_circle_through_what_has_no_order_is_an_error(self):
        for table in ("{g}", "{(1, 2): g}"):
            with pytest.raises(HashingError, match="contains itself"):
                hash_value(defined(f"def f(): return T\ndef g(): return f\nT = {table}", "f"))

    def test_a_function_that_is_called_through_a_set(self):
        assert hash_value(defined("def f(): return T\nT = {f}", "f")) == hash_value(
            defined("def f(): return T\nT = {f}", "f")
        )

    def test_many_functions_that_all_call_each_other(self):
        names = [f"f{i}" for i in range(40)]
        source = "\n".join(f"def {name}(): return {i}, {', '.join(names)}" for i, name in enumerate(names))
        assert hash_value(defined(source, "f0")) == hash_value(defined(source, "f0"))
        assert hash_value(defined(source, "f0")) != hash_value(defined(source, "f1"))


class TestClasses:
    SOURCE = """
    import functools
    class Base:
        rate = {rate}
        def m(self): return self.rate, Model
    class Model(Base):
        __slots__ = ("x",)
        def __init__(self, x): super().__init__(); self.x = x
        @staticmethod
        def s(): return Model
        @classmethod
        def c(cls): return cls
        @property
        def p(self): return {body}
        @functools.cached_property
        def q(self): return 1
    """

    def test_classes_of_a_notebook_are_what_they_define(self):
        def made(**parts):
            return hash_value(defined(self.SOURCE.format(**{"rate": 1, "body": 2, **parts}), "Model"))

        assert made() == made()
        assert len({made(), made(rate=3), made(body=4)}) == 3

    def test_using_a_class_does_not_change_it(self):
        model = defined(self.SOURCE.format(rate=1, body=2), "Model")
        before = hash_value(model)
        hash_value(model(1))
        assert hash_value(model) == before

    def test_dataclasses_and_enums_of_a_notebook(self):
        source = """
        import dataclasses, enum
        @dataclasses.dataclass
        class D:
            x: int = {0}
        class E(enum.Enum):
            A = {0}
        """
        for name in ("D", "E"):
            assert hash_value(defined(source.format(1), name)) == hash_value(defined(source.format(1), name))
            assert hash_value(defined(source.format(1), name)) != hash_value(defined(source.format(2), name))


def test_another_process_gets_the_same_hash_of_a_script_s_function():
    script = textwrap.dedent("""
        from provenance.hashing import hash_value
        LIMIT = {"b", "a", "c"}
        class K:
            def m(self): return f
        def f(n): return n in LIMIT or g(n)
        def g(n): return n in {"x", "y"} and f(n) and K
        print(hash_value([f, g, K, lambda: f]))
    """)
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in "123"
    }
    assert len(printed) == 1


def test_a_script_s_functions_and_classes_are_not_their_names():
    script = "from provenance.hashing import hash_value\n{}\nprint(hash_value({}))"
    bodies = ["def f(): return 1", "def f(): return 2", "class f: x = 1", "class f: x = 2"]
    printed = [
        subprocess.run([sys.executable, "-c", script.format(body, "f")], check=True, capture_output=True).stdout
        for body in bodies
    ]
    assert len(set(printed)) == len(bodies)
