"""What is said about stand-ins that were met, and objects that count as stand-ins by identity."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.hashing import fingerprint, hash_value
from tests.hashing.examples import Plain
from tests.hashing.standing_in import StandIn, stand_in
from tests.hashing.values import VALUES


def paths(value, **options):
    carriers: list = []
    fingerprint(value, carriers=carriers, **options)
    return [path for path, _ in carriers]


class TestPaths:
    def test_each_kind_of_place(self):
        one = stand_in(1)
        value = {"list": [0, one], "deep": {"x": (one,)}, "object": Plain(a=Plain(b=[one])), "set": {one, 5}}
        assert paths(value, path="kargs['m']") == [
            "kargs['m']['deep']['x'][0]",
            "kargs['m']['list'][1]",
            "kargs['m']['object'].a.b[0]",
            "kargs['m']['set']{...}",
        ]

    def test_the_value_itself(self):
        assert paths(stand_in(1), path="kargs['x']") == ["kargs['x']"]

    def test_a_key_and_what_lies_under_it(self):
        one = stand_in("a")
        assert paths({one: stand_in(2), "b": 3}) == ["value.keys()[0]", "value[<StandIn>]"]

    def test_a_stand_in_is_reported_each_time(self):
        part = [stand_in("x" * 5000)]
        assert paths([part, part]) == ["value[0][0]", "value[1][0]"]

    def test_stand_ins_are_reported_themselves(self):
        one = stand_in(1)
        carriers: list = []
        fingerprint([one], carriers=carriers)
        assert carriers[0][1] is one

    def test_the_order_in_a_set_does_not_depend_on_the_set(self):
        members = [stand_in(i) for i in range(50)]
        orders = []
        for seed in range(3):
            random.Random(seed).shuffle(members)
            carriers: list = []
            fingerprint([set(members), stand_in("last")], carriers=carriers)
            orders.append([type(one).__provenance_encoding__(one) for _, one in carriers])
        assert orders[0] == orders[1] == orders[2]
        assert sorted(orders[0][:-1]) == orders[0][:-1]

    def test_a_long_key_is_shortened(self):
        (path,) = paths({"k" * 1000: stand_in(1)})
        assert len(path) < 100


def parts_of(value):
    yield value
    if isinstance(value, list | tuple):
        for child in value:
            yield from parts_of(child)
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from parts_of(key)
            yield from parts_of(child)


class TestCarried:
    @given(VALUES, st.randoms(use_true_random=False))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_what_is_carried_hashes_as_before(self, numbers, value, chance):
        chosen = [part for part in parts_of(value) if chance.random() < 0.3]
        carried = {id(part): stand_in(part) for part in chosen}
        assert fingerprint(value, carried=carried) == fingerprint(value)

    def test_what_is_carried_is_not_looked_at_and_is_reported(self):
        lock = Plain(lock=(i for i in ()))
        carrier = StandIn(b"H" + bytes(32))
        carriers: list = []
        value = {"a": [1, lock], "b": lock}
        got = fingerprint(value, carriers=carriers, carried={id(lock): carrier})
        assert carriers == [("value['a'][1]", carrier), ("value['b']", carrier)]
        assert got == fingerprint({"a": [1, carrier], "b": carrier})

    def test_at_the_top(self):
        big = [1, 2]
        carriers: list = []
        assert fingerprint(big, carriers=carriers, carried={id(big): stand_in("x")}).digest == hash_value("x")
        assert carriers[0][0] == "value"

    def test_a_row_inside_a_long_list(self):
        rows = [{"a": [i], "b": i} for i in range(300)]
        carrier = stand_in([200])
        carriers: list = []
        assert fingerprint(rows, carriers=carriers, carried={id(rows[200]["a"]): carrier}).digest == hash_value(rows)
        assert carriers == [("value[200]['a']", carrier)]

    def test_an_atom_in_a_container_of_atoms(self):
        number, text = float("2.5"), "text 1"[:4]
        carried = {id(number): stand_in(2.5), id(text): stand_in("text")}
        for value in ([1, number], (number,), {"a": number}, {number}, {text: 1}, [number] * 100, [text] * 100):
            carriers: list = []
            assert fingerprint(value, carriers=carriers, carried=carried).digest == hash_value(value)
            assert carriers

    def test_none_and_booleans_never_count(self):
        carriers: list = []
        carried = {id(None): stand_in(1), id(True): stand_in(2), id(False): stand_in(3)}
        fingerprint([None, True, [False]], carriers=carriers, carried=carried)
        assert carriers == []


class TestMany:
    def test_many_stand_ins_in_one_list_are_reported_by_their_places_each_time(self):
        many = [stand_in(i) for i in range(100)] + [stand_in("x" * 5000)]
        places = [f"[{i}]" for i in range(101)]
        assert paths([many]) == [f"value[0]{place}" for place in places]
        assert paths({"a": many, "b": (many,)}) == [f"value['a']{p}" for p in places] + [
            f"value['b'][0]{p}" for p in places
        ]

    def test_many_stand_ins_by_name(self):
        assert paths({f"k{i}": stand_in(str(i)) for i in range(70)}) == [
            f"value['{key}']" for key in sorted(f"k{i}" for i in range(70))
        ]

    def test_strings_among_them_are_not_reported(self):
        assert paths(["a"] * 50 + [stand_in("b")] * 50) == [f"value[{i}]" for i in range(50, 100)]
