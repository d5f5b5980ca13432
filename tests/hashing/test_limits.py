"""Large, long and deep values, and values that contain themselves."""

import subprocess
import sys

import pytest

from provenance.errors import HashingError
from provenance.hashing import fingerprint, grammar, hash_value
from tests.hashing.examples import Plain
from tests.hashing.standing_in import stand_in


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\u00e4" * 5_000_000, "\ud800\0" * 1_000_000])
def test_strings_of_10_mb(text):
    assert fingerprint(text).encoding == grammar.compact(grammar.written(text))
    assert hash_value({text: [text]}) == hash_value({stand_in(text): [stand_in(text)]})


def test_lists_of_a_million():
    numbers = list(range(1_000_000))
    before = hash_value(numbers)
    numbers[999_999] = stand_in(999_999)
    assert hash_value(numbers) == before
    numbers[0] = 1
    assert hash_value(numbers) != before


def test_a_list_of_a_million_strings_is_that_of_its_stand_ins():
    texts = [str(i) for i in range(1_000_000)]
    before = hash_value(texts)
    texts[500_000] = stand_in("500000")
    assert hash_value(texts) == before


def nested(make, levels):
    value = 1
    for _ in range(levels):
        value = make(value)
    return value


MAKERS = {
    "list": lambda inner: [inner],
    "tuple": lambda inner: (inner,),
    "dict": lambda inner: {"k": inner},
    "frozenset": lambda inner: frozenset([inner]),
    "object": lambda inner: Plain(child=inner),
    "long list": lambda inner: [inner, *"abc" * 30],
}


@pytest.mark.parametrize("kind", MAKERS)
def test_deep_values_have_a_hash(kind):
    make, levels = MAKERS[kind], 300 if kind == "frozenset" else 3_000
    deep = nested(make, levels)
    assert hash_value(deep) == hash_value(nested(make, levels))
    assert hash_value(deep) != hash_value(make(deep))


def test_depth_beyond_all_measure_is_an_error(monkeypatch):
    monkeypatch.setattr("provenance.hashing.walk._MOST_LEVELS", 50)
    assert hash_value(nested(MAKERS["list"], 40))
    with pytest.raises(HashingError, match="50 levels deep"):
        hash_value(nested(MAKERS["list"], 60))


def self_containing():
    in_list = []
    in_list.append(in_list)
    in_dict = {}
    in_dict["a"] = [in_dict]
    in_object = Plain()
    in_object.me = (in_object,)
    return {"[0]": in_list, "['a'][0]": in_dict, ".me[0]": in_object}


@pytest.mark.parametrize("path", self_containing())
def test_a_value_that_contains_itself_is_an_error(path):
    with pytest.raises(HashingError) as error:
        fingerprint(self_containing()[path], path="x")
    assert str(error.value).startswith(f"x{path} (of type ")
    assert "contains itself" in str(error.value)


def test_a_part_that_occurs_twice_is_no_circle():
    part = [1]
    assert hash_value([part, [part], part]) == hash_value([[1], [[1]], [1]])


def test_a_value_of_shared_parts_takes_no_longer_than_its_parts():
    def shared(levels):
        value = ["x" * 3000, "y" * 3000]
        for _ in range(levels):
            value = [value, value, "z" * 3000, "z" * 3000]
        return value

    assert hash_value(shared(200)) != hash_value(shared(199))


def test_stand_ins_in_shared_parts_are_reported_each_time():
    part = [stand_in(1), "x" * 5000]
    carriers: list = []
    fingerprint([part, {"a": part}], carriers=carriers)
    assert [path for path, _ in carriers] == ["value[0][0]", "value[1]['a'][0]"]


def test_paths_into_great_depth_are_short():
    deep = nested(MAKERS["list"], 1000)
    inner = deep
    while isinstance(inner[0], list):
        inner = inner[0]
    inner[0] = iter(())
    with pytest.raises(HashingError) as error:
        hash_value(deep)
    assert "levels" in str(error.value)
    assert len(str(error.value)) < 600


def test_importing_loads_nothing_heavy():
    heavy = {"numpy", "pandas", "sqlalchemy", "dask", "joblib", "wrapt", "decimal", "uuid", "zoneinfo", "array"}
    code = "import sys, provenance.hashing; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    before = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)  # noqa: PLW1510
    assert not heavy & (set(printed.split()) - set(before.stdout.split()))
