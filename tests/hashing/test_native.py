"""The compiled writer of small values writes what the plain one writes, and nothing is missing without it."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_build import SOURCE, build
from provenance.hashing import grammar, inline
from tests.hashing.standing_in import stand_in
from tests.hashing.values import VALUES
from tests.parts import missing

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """The writer, compiled from the source as it is now."""
    folder = tmp_path_factory.mktemp("native")
    (folder / SOURCE).parent.mkdir(parents=True)
    for file in (ROOT / SOURCE).parent.glob("*.[ch]"):
        shutil.copy(file, folder / SOURCE.parent)
    path = build(folder)
    if path is None:
        missing("a C compiler")
    spec = importlib.util.spec_from_file_location("_native", path)
    module = importlib.util.module_from_spec(spec)
    module.set_grammar(grammar.INLINE_LIMIT, grammar.PACK_MINIMUM, inline.LEVELS)
    return module


FEW = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
NUMBERS = st.integers(-(2**70), 2**70) | st.sampled_from([2**15, 2**30, 2**31, 2**45, 2**60, 2**63]).flatmap(
    lambda near: st.integers(-near - 2, -near + 2) | st.integers(near - 2, near + 2)
)


@given(VALUES | NUMBERS | st.lists(NUMBERS) | st.dictionaries(NUMBERS, NUMBERS))
@FEW
def test_it_writes_what_marshal_writes(native, value):
    written = native.small(value)
    assert written in {inline.marshalled_small(value), None}
    if written is not None:
        assert written == grammar.written(value)


@given(VALUES | NUMBERS | st.binary(max_size=1100))
@FEW
def test_its_digests_are_those_of_blake3(native, value):
    written = native.small(value)
    digest = None if written is None or len(written) > 1024 else blake3(written).hexdigest()
    assert native.digest(value) == digest
    assert digest in {None, inline.marshalled_digest(value)}


def test_its_digests_are_those_of_blake3_for_each_length(native):
    for length in range(1020):
        value = bytes(place % 251 for place in range(length))
        assert native.digest(value) == blake3(native.small(value)).hexdigest()
    assert native.digest(bytes(1020)) is None


@given(st.lists(VALUES), st.integers(0, 5), st.integers(0, 40))
@FEW
def test_runs_end_where_a_value_is_left_to_others(native, values, start, stop):
    data, end = native.run(values, start, min(stop, len(values)))
    assert data == b"".join(map(grammar.written, values[start:end]))
    if start < min(stop, len(values)):
        assert all(native.small(value) is not None for value in values[start:end])
        assert end >= min(stop, len(values)) or native.small(values[end]) is None


LEFT = {
    "a long integer": 2**63,
    "a subclass": type("Text", (str,), {})("a"),
    "a bytearray": bytearray(b"a"),
    "a set": {1},
    "a stand-in": stand_in(1),
    "keys of two kinds": {"a": 1, 1: 2},
    "keys that are booleans": {True: 1},
    "keys that are long": {2**64: 1},
    "64 strings": ["a"] * 64,
    "a long string": "a" * 4092,
    "a string that is long as UTF-8": "\u00e4" * 2046,
    "long bytes": b"a" * 4092,
    "more than the limit in all": ["a" * 3000, "b" * 3000],
    "depth": [[[[[1]]]]],
}


@pytest.mark.parametrize("kind", LEFT)
def test_what_it_leaves_to_others(native, kind):
    assert native.small(LEFT[kind]) is None
    assert native.run([1, LEFT[kind], 2], 0, 3) == (grammar.written(1), 1)
    assert native.run([1, LEFT[kind], 2], 1, 3) == (b"", 1)


def test_it_writes_up_to_the_limit(native):
    for value in ("a" * 4091, "\u00e4" * 2045 + "a", b"a" * 4091, ["a" * 4086], {"a" * 2000: "b" * 2070}):
        assert native.small(value) == grammar.written(value)
        assert len(native.small(value)) == grammar.INLINE_LIMIT


def test_it_keeps_no_reference(native):
    key, item = "key".upper() * 2, "item".upper() * 2
    values = [{key: item}, (item, 1.5, [item]), object()]
    before = sys.getrefcount(key), sys.getrefcount(item), sys.getrefcount(values[2])
    for _ in range(100):
        native.run(values, 0, 3)
        native.small(values)
        native.digest(values[0])
    assert (sys.getrefcount(key), sys.getrefcount(item), sys.getrefcount(values[2])) == before


@pytest.mark.parametrize("arguments", [(), ({1}, 0, 1), ([1], -1, 1), ([1], "a", 1)])
def test_it_refuses_what_is_no_list(native, arguments):
    with pytest.raises(TypeError):
        native.run(*arguments)


def test_runs_end_with_the_list(native):
    assert native.run([1, 2], 1, 100) == (grammar.written(2), 2)
    assert native.run([1, 2], 5, 100) == (b"", 5)


def test_without_a_compiler_nothing_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: "no-such-compiler" if name == "LDSHARED" else None)
    assert build(tmp_path) is None


def test_a_writer_that_writes_something_else_is_not_used(monkeypatch):
    class Broken:
        set_grammar = staticmethod(lambda *_: None)
        small = staticmethod(lambda _: None)
        digest = staticmethod(lambda _: None)

    by_marshal = inline.marshalled_small, inline.marshalled_run, inline.marshalled_digest
    monkeypatch.setattr(inline, "_native", Broken)
    for name, written in (("small", b"something else"), ("digest", "0" * 64)):
        with monkeypatch.context() as patch:
            patch.setattr(Broken, name, staticmethod(lambda _, written=written: written))
            assert inline.select_writers() == by_marshal


def test_hashes_are_the_same_without_it():
    code = "import sys; sys.modules['provenance.hashing._native'] = None; import tests.hashing.examples as e, runpy"
    code += "; runpy.run_module('tests.hashing.examples', run_name='__main__')"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True).stdout
    assert printed.strip() == (ROOT / "tests/golden/hashing/scheme-2.json").read_bytes().strip()
