"""Strategies for builtin values, and ways to make an equal value anew."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from tests.hashing.standing_in import StandIn, stand_in

TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(["\0", "\ud800", "x" * 120, "\u00e4" * 60, ""])
NUMBERS = st.integers() | st.sampled_from([2**31, -(2**31) - 1, 10**60])
KEYS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXT | st.binary(max_size=8) | st.tuples(NUMBERS, TEXT)
ATOMS = KEYS | st.complex_numbers() | st.binary(min_size=90, max_size=200)


def _containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(children, max_size=12)
        | st.lists(children, max_size=12).map(tuple)
        | st.dictionaries(TEXT, children, max_size=8)
        | st.dictionaries(KEYS, children, max_size=8)
        | st.sets(KEYS, max_size=8)
        | st.frozensets(TEXT, max_size=8)
        | st.frozensets(NUMBERS, max_size=8)
        | st.lists(TEXT, min_size=4, max_size=90)
        | st.lists(st.fixed_dictionaries({"a": ATOMS, "b": children}), max_size=20)
    )


VALUES: st.SearchStrategy[Any] = st.recursive(ATOMS, _containers, max_leaves=20)


def made_anew(value: Any, chance: random.Random) -> Any:
    """An equal value that shares no container, with dicts and sets filled in another order."""
    match value:
        case tuple():
            return tuple(made_anew(child, chance) for child in value)
        case list():
            return [made_anew(child, chance) for child in value]
        case dict():
            pairs = [(made_anew(key, chance), made_anew(child, chance)) for key, child in value.items()]
            chance.shuffle(pairs)
            return dict(pairs)
        case set() | frozenset():
            members = [made_anew(child, chance) for child in value]
            chance.shuffle(members)
            return type(value)(members)
    return value


def with_stand_ins(value: Any, chance: random.Random, share: float = 0.3) -> Any:
    """The value with stand-ins in the place of some parts of it, keys and members included."""
    if chance.random() < share:
        return stand_in(value)
    match value:
        case tuple():
            return tuple(with_stand_ins(child, chance, share) for child in value)
        case list():
            return [with_stand_ins(child, chance, share) for child in value]
        case dict():
            return {
                with_stand_ins(key, chance, share): with_stand_ins(child, chance, share) for key, child in value.items()
            }
        case set() | frozenset():
            return type(value)(with_stand_ins(child, chance, share) for child in value)
    return value


def count_of_stand_ins(value: Any) -> int:
    if type(value) is StandIn:
        return 1
    match value:
        case tuple() | list() | set() | frozenset():
            return sum(map(count_of_stand_ins, value))
        case dict():
            return sum(map(count_of_stand_ins, value)) + sum(map(count_of_stand_ins, value.values()))
    return 0
