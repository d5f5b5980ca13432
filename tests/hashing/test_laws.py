"""The laws of hashing, for values of builtin types."""

import copy
import math
import pickle
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.hashing import bulk, digest_of, fingerprint, grammar, hash_atom, hash_value, inline, is_atom, key_of
from provenance.hashing.digest import hexdigest_of_short
from tests.hashing.standing_in import stand_in
from tests.hashing.values import TEXT, VALUES, count_of_stand_ins, made_anew, with_stand_ins

BRIEFLY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
CHANCE = st.randoms(use_true_random=False)


def ascii_name(value: object) -> str:
    return f"int of {value.bit_length()} bits" if type(value) is int else ascii(value)[:20].replace("\\", "")


ATOM_CASES = [None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**15, 2**30, -(3**200)]
ATOM_CASES += [0.0, -0.0, 1.5, math.inf, math.nan, 1j, -0j, "", "name", "\u00e4\ud800\0", "\U0001f600", b"", b"a\0"]
ATOM_CASES += ["x" * 4091, "x" * 4092, "\u00e4" * 2046, b"x" * 4091, b"x" * 4092, 1 << 40_000]


def specified(value: object) -> bytes:
    return grammar.compact(grammar.written(value))


def encoded(value: object) -> bytes:
    return fingerprint(value).encoding


class TestSpecification:
    @pytest.mark.parametrize("value", ATOM_CASES, ids=ascii_name)
    def test_atoms_are_written_as_specified(self, value):
        assert encoded(value) == specified(value)

    @pytest.mark.parametrize("value", [atom for atom in ATOM_CASES if atom is not None], ids=ascii_name)
    def test_marshal_writes_the_specified_bytes(self, value):
        assert bulk._marshal2(value) == grammar.marshalled(value)

    @given(VALUES)
    @BRIEFLY
    def test_values_are_written_as_specified(self, numbers, value):
        assert encoded(value) == specified(value)

    @given(st.data())
    @BRIEFLY
    def test_long_sequences_are_written_as_specified(self, numbers, data):
        kinds = [TEXT, st.integers(), st.floats(), st.none(), st.tuples(TEXT, st.integers()), st.lists(st.booleans())]
        items = data.draw(st.lists(st.one_of(data.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2)))))
        long = items * 20
        assert encoded(long) == specified(long)
        assert encoded(tuple(long)) == specified(tuple(long))

    @pytest.mark.parametrize("odd", [None, 1.5, "x" * 5000, [1], {"a": 1}, {"a": 1, "b": {1}}, {1: 2}, {1: 2, 2: 3}])
    @pytest.mark.parametrize("place", [0, 31, 32, 255, 256, 299])
    def test_one_odd_item_among_many(self, odd, place):
        for usual in (1, "a", 1.5, {"a": 1, "b": 2}, (1, "x"), [1], {"a": 1}, {}, {"a": {"b": [1]}, "c": 2}):
            items = [usual] * 300
            items[place] = odd
            assert encoded(items) == specified(items)
            assert encoded({str(i): item for i, item in enumerate(items)}) == specified(
                {str(i): item for i, item in enumerate(items)}
            )

    def test_rows_with_other_keys_or_another_order_of_keys(self):
        rows = [{f"k{j}": j for j in range(i % 7)} for i in range(300)]
        rows += [dict(reversed(row.items())) for row in rows]
        assert encoded(rows) == specified(rows)

    def test_rows_with_equal_keys_of_other_types(self):
        rows = [{1: "x", 2: "y"}, {1.0: "x", 2.0: "y"}, {True: "x", 2: "y"}, {"1": "x", "2": "y"}] * 70
        assert encoded(rows) == specified(rows)

    @pytest.mark.parametrize("other", [{1.0: "x", 2: "y"}, {True: "x", 2: "y"}])
    def test_rows_whose_keys_are_equal_but_not_the_same(self, other):
        rows = [{1: "x", 2: "y"}] * 40 + [other] * 40 + [{1: "x", 2: "y"}, other] * 40
        assert encoded(rows) == specified(rows)

    def test_more_kinds_of_rows_than_are_remembered(self):
        rows = [{f"a{i}": i, f"b{i}": i} for i in range(inline._MOST_SHAPES + 50)] * 2
        assert encoded(rows) == specified(rows)
        assert len(inline._shapes) <= inline._MOST_SHAPES

    def test_rows_with_64_strings(self):
        wide = {f"k{i}": "v" for i in range(64)}
        just = {f"k{i}": "v" for i in range(63)}
        for rows in ([wide] * 3, [just] * 3, [list(wide)] * 40, [tuple(just)] * 40):
            assert encoded(rows) == specified(rows)

    def test_rows_as_long_as_the_limit(self):
        for length in range(4060, 4100):
            rows = [{"a": "x" * length, "b": 1}] * 2
            assert encoded(rows) == specified(rows)
            assert encoded([["x" * length]]) == specified([["x" * length]])

    def test_strings_of_every_length_around_the_limit(self):
        for length in range(4085, 4096):
            for text in ("x" * length, "\u00e4" * (length // 2)):
                for value in ([text] * 64, {text: 1}, {text, "a"}, [text, 1], {"k": text}):
                    assert encoded(value) == specified(value)

    def test_keys_of_dicts_that_tie_are_ordered_by_value(self):
        first, second = float("nan"), float("nan")
        assert hash_value({first: 1, second: 2}) == hash_value({first: 2, second: 1})
        assert hash_value({first: 1, second: 2}) != hash_value({first: 1, second: 1})

    @given(st.lists(st.integers(), unique=True))
    def test_integers_are_ordered_by_value(self, numbers):
        encodings = sorted(map(grammar.marshalled, numbers), key=grammar.integer_of)
        assert list(map(grammar.integer_of, encodings)) == sorted(numbers)

    def test_where_marshal_differs_the_specification_writes(self, monkeypatch):
        monkeypatch.setattr(bulk, "_marshal2", lambda _: b"something else")
        assert bulk._select_writer() is grammar.marshalled

    def test_the_specification_writes_builtin_values_only(self):
        with pytest.raises(TypeError):
            grammar.written(object())
        with pytest.raises(TypeError):
            grammar.marshalled(object())


class TestEquality:
    @given(VALUES, CHANCE)
    @BRIEFLY
    def test_equal_values_have_equal_hashes(self, value, chance):
        assert hash_value(value) == hash_value(made_anew(value, chance))

    @given(VALUES)
    @BRIEFLY
    def test_copies_and_pickles_have_the_same_hash(self, value):
        assert hash_value(value) == hash_value(copy.deepcopy(value)) == hash_value(pickle.loads(pickle.dumps(value)))

    @given(VALUES)
    @BRIEFLY
    def test_it_does_not_count_whether_parts_are_one_object(self, value):
        assert hash_value([value, value]) == hash_value([value, copy.deepcopy(value)])

    @given(VALUES, VALUES)
    @BRIEFLY
    def test_values_with_different_encodings_have_different_hashes(self, one, other):
        assert (hash_value(one) == hash_value(other)) == (grammar.written(one) == grammar.written(other))

    def test_types_differ(self):
        values = [1, 1.0, True, [1], (1,), {1}, frozenset([1]), {1: 1}, "1", b"1", 1 + 0j, [[1]], ((1,),), [(1,)]]
        assert all(hash_value(one) != hash_value(other) for one, other in combinations(values, 2))

    def test_floats_go_by_their_bits(self):
        assert hash_value(0.0) != hash_value(-0.0)
        assert hash_value(math.nan) == hash_value(float("nan"))

    @given(VALUES)
    @BRIEFLY
    def test_the_fingerprint_says_what_the_hash_says(self, value):
        assert fingerprint(value).digest == hash_value(value)

    @given(st.lists(VALUES, max_size=5))
    @BRIEFLY
    def test_the_digest_of_parts_is_the_hash_of_their_tuple(self, parts):
        assert digest_of(*parts) == hash_value(tuple(parts))


@pytest.fixture
def hurried_threads():
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class TestKeys:
    @pytest.mark.parametrize("value", ATOM_CASES, ids=ascii_name)
    def test_atoms_have_a_shorter_way(self, value):
        assert is_atom(value)
        assert hash_atom(value) == hash_value(value)

    def test_threads_do_not_disturb_each_other(self, hurried_threads):
        values = [str(number) * (number % 7) for number in range(4000)]
        with ThreadPoolExecutor(8) as threads:
            hashed = list(threads.map(hash_atom, values))
        assert hashed == [blake3(grammar.written(value)).hexdigest() for value in values]

    def test_a_digest_that_failed_leaves_nothing_to_the_next(self):
        with pytest.raises(TypeError):
            hexdigest_of_short("no bytes")  # type: ignore[arg-type]
        assert hexdigest_of_short(b"bytes") == blake3(b"bytes").hexdigest()

    def test_what_is_no_atom(self):
        assert not any(map(is_atom, [[], (), {}, bytearray(), stand_in(1), StrSubclass("a")]))

    def test_keys_differ_by_each_part_and_its_place(self):
        parts = [
            ("a",),
            ("a", None),
            ("a", "b"),
            ("ab",),
            ("a", ("b",)),
            (("a", "b"),),
            ("b", "a"),
            ("a", 1),
            ("a", "1"),
        ]
        assert len({key_of(*part) for part in parts}) == len(parts)
        assert key_of("a", ("b", 1)) == key_of("a", ("b", 1))


class StrSubclass(str):
    __slots__ = ()


class TestStandIns:
    @given(VALUES, CHANCE)
    @BRIEFLY
    def test_a_stand_in_hashes_as_its_value_wherever_it_is(self, numbers, value, chance):
        replaced = with_stand_ins(value, chance)
        assert fingerprint(replaced) == fingerprint(value)

    @given(VALUES, CHANCE)
    @BRIEFLY
    def test_every_stand_in_is_reported_and_reporting_changes_nothing(self, numbers, value, chance):
        replaced = with_stand_ins(value, chance)
        carriers: list = []
        assert fingerprint(replaced, carriers=carriers) == fingerprint(value)
        assert len(carriers) == count_of_stand_ins(replaced)

    @pytest.mark.parametrize("item", [1, "a", 1.5, None, "a\0", "x" * 5000, (1, "a"), {"a": 1}], ids=ascii_name)
    @pytest.mark.parametrize("usual", [1, "a", {"a": 1, "b": 2}, (1, 2)], ids=ascii_name)
    @pytest.mark.parametrize("places", [(0,), (63,), (150, 151), (299,)], ids=ascii_name)
    def test_a_few_stand_ins_in_a_long_list(self, item, usual, places):
        plain, replaced = [usual] * 300, [usual] * 300
        for place in places:
            plain[place], replaced[place] = item, stand_in(item)
        carriers: list = []
        assert hash_value(replaced) == hash_value(plain)
        assert hash_value(tuple(replaced)) == hash_value(tuple(plain))
        assert fingerprint(replaced, carriers=carriers).digest == hash_value(plain)
        assert [path for path, _ in carriers] == [f"value[{place}]" for place in places]

    def test_a_few_stand_ins_in_long_dicts_and_sets(self):
        strings = [f"k{i}" for i in range(100)]
        numbers = list(range(100))
        for keys in (strings, numbers, strings + numbers):
            replaced = [stand_in(key) if place % 17 == 3 else key for place, key in enumerate(keys)]
            random.Random(0).shuffle(replaced)
            assert hash_value(set(replaced)) == hash_value(set(keys))
            assert hash_value(dict.fromkeys(replaced)) == hash_value(dict.fromkeys(keys))

    def test_a_list_of_nothing_but_stand_ins(self):
        for values in (range(300), map(str, range(300)), [[i] for i in range(300)], ["x" * 5000] * 70):
            plain = list(values)
            assert hash_value([stand_in(value) for value in plain]) == hash_value(plain)

    def test_at_the_top_the_encoding_is_what_the_stand_in_gives(self):
        for value in (1, "a" * 10_000, [1, 2]):
            assert fingerprint(stand_in(value)) == fingerprint(value)

    def test_a_recipe_key_stands_for_a_value_that_is_not_known(self):
        from tests.hashing.standing_in import StandIn

        unknown = StandIn(b"R" + bytes(range(32)))
        assert fingerprint(unknown).digest == bytes(range(32)).hex()
        assert hash_value([unknown]) != hash_value([StandIn(b"H" + bytes(range(32)))])
        assert hash_value([unknown] * 70) == hash_value([StandIn(b"R" + bytes(range(32)))] * 70)
