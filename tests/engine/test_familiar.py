"""Calls of small atoms are keyed once in a process, and always by their values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import provenance as p
from provenance import engine
from provenance.engine import familiar
from provenance.engine.call import prepare
from provenance.engine.key import artifact_id
from provenance.testing.drafts import a_draft

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=300)
    | st.binary(max_size=300)
)


def plain(a, b=2.0, *rest, **named):
    return a, b, rest, named


SPEC = engine.spec_of(p.provenance()(plain))


def keyed_anew(args, kwargs):
    return artifact_id(SPEC, engine.resolve_inputs(SPEC, *SPEC.bind(args, kwargs), None).digests)


def keyed(args, kwargs):
    return prepare(SPEC, *SPEC.bind(args, kwargs))


@given(st.lists(ATOMS, min_size=1, max_size=4), st.dictionaries(st.sampled_from(["c", "d"]), ATOMS))
def test_the_key_is_that_of_the_values_the_first_time_and_later(args, kwargs):
    expected = keyed_anew(tuple(args), kwargs)
    for _ in range(2):
        call = keyed(tuple(args), kwargs)
        assert call.id == expected
        assert call.inputs.digests == engine.resolve_inputs(SPEC, *SPEC.bind(tuple(args), kwargs), None).digests


LOOKALIKES = [
    0,
    0.0,
    -0.0,
    False,
    0j,
    -0j,
    "0",
    b"0",
    None,
    1,
    1.0,
    True,
    np.float64(1),
    np.int64(1),
    math.nan,
    -math.nan,
]


@pytest.mark.parametrize("time", ["first", "second"])
def test_what_is_equal_in_python_is_told_apart(time):
    assert len({keyed((value,), {}).id for value in LOOKALIKES}) == len(LOOKALIKES)


def test_a_call_is_hashed_once(monkeypatch):
    spec = engine.spec_of(p.provenance(name="hashed_once")(plain))
    hashed = []
    real = engine.call.resolve_inputs
    monkeypatch.setattr(engine.call, "resolve_inputs", lambda *args: hashed.append(args) or real(*args))
    for _ in range(3):
        prepare(spec, *spec.bind((1, "x"), {}))
    assert len(hashed) == 1


@pytest.mark.parametrize("value", ["x" * 257, b"x" * 257, [1], (1,), np.float64(1)])
def test_only_small_atoms_are_remembered(value):
    assert familiar.bytes_of({"a": value}, ()) is None
    assert familiar.bytes_of({"a": 1}, (value,)) is None


def test_no_more_than_so_many_calls_are_remembered(monkeypatch):
    monkeypatch.setattr(familiar, "_MOST_CALLS", 3)
    calls = familiar.FamiliarCalls()
    for number in range(10):
        calls.add(bytes([number]), familiar.Familiar(engine.Digests((), ()), str(number)))
        assert calls.find(bytes([number])).id == str(number)
        assert sum(calls.find(bytes([other])) is not None for other in range(10)) <= 3


def test_hooks_are_asked_each_time():
    asked = []

    def rewrite(inputs):
        asked.append(inputs)
        return inputs

    f = p.provenance(name="asked_each_time", input_hash_fn=rewrite)(plain)
    f(1)
    f(1)
    assert len(asked) >= 2


def test_a_value_that_was_read_is_not_that_of_a_repaired_record():
    """What is kept belongs to one record, not to its id."""
    repo = p.get_default_repo()
    first = repo.save(a_draft("repaired", "old"))
    assert repo.load_value(first) == repo.load_value(first) == "old"
    repo.delete(first.id)
    second = repo.save(a_draft("repaired", "new"))
    assert second.id == first.id
    assert repo.load_value(second) == "new"
    assert repo.load_value(first) == "old"


def test_values_that_can_be_changed_are_new_each_time():
    repo = p.get_default_repo()
    record = repo.save(a_draft("changeable", [1]))
    repo.load_value(record).append(2)
    assert repo.load_value(record) == [1]
