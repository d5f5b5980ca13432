"""Objects of users' classes, and of the standard library, by what they say of themselves or by their state."""

import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import operator
import pickle
import random
import types
import zoneinfo

import pytest

from provenance.errors import HashingError
from provenance.hashing import fingerprint, hash_value, register_encoder, value_repr
from provenance.hashing.parts import Parts, memory
from tests.hashing.examples import (
    Colour,
    Job,
    Names,
    Plain,
    Point,
    Slotted,
    Table,
    Title,
    Words,
    own_classes,
    standard_library,
)
from tests.hashing.standing_in import stand_in


class Represented:
    def __init__(self, value, noise=None):
        self.value, self.noise = value, noise

    def value_repr(self):
        return self.value


class AlsoRepresented(Represented): ...


class Registered:
    def __init__(self, value):
        self.value, self.lock = value, object()


class Cached:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def square(self):
        return self.x**2


class CachedWithSlots(Cached):
    __slots__ = ("y",)


class OwnState:
    def __init__(self, x):
        self.x, self.lock = x, object()

    def __getstate__(self):
        return {"x": self.x}


class OwnReduce(list):
    def __init__(self, x):
        super().__init__([object()])
        self.x = x

    def __reduce__(self):
        return OwnReduce, (self.x,)


class NewArguments:
    def __new__(cls, x):
        self = super().__new__(cls)
        self.__dict__["hidden"] = x
        return self

    def __getnewargs__(self):
        return (self.hidden,)


class Hostile:
    """Compares, and answers to its truth, with an error."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        raise AssertionError("compared")

    def __bool__(self):
        raise AssertionError("asked for its truth")

    def __hash__(self):
        return self.x


class Slots:
    __slots__ = ("a", "b")


class OddState:
    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return self.state


class Identified:
    def __init__(self, name):
        self.name, self.lock = name, object()

    def __provenance_identity__(self):
        return ("identified", self.name)


@dataclasses.dataclass
class CachedJob:
    x: int

    @functools.cached_property
    def double(self):
        return [self.x] * 2


class TestCopies:
    @pytest.mark.parametrize("name", {**standard_library(), **own_classes()})
    def test_copies_and_pickles_hash_alike(self, name):
        value = {**standard_library(), **own_classes()}[name]
        if name not in ("memoryview", "mapping proxy", "module"):
            assert (
                hash_value(copy.deepcopy(value)) == hash_value(pickle.loads(pickle.dumps(value))) == hash_value(value)
            )


class TestValueRepr:
    def test_the_method_says_what_counts(self):
        assert hash_value(Represented(1, "x")) == hash_value(Represented(1, object()))
        assert hash_value(Represented(1)) != hash_value(Represented(2))

    def test_the_class_counts_too(self):
        assert len({hash_value(Represented(1)), hash_value(AlsoRepresented(1)), hash_value(1)}) == 3

    def test_a_function_can_be_registered_for_a_class(self):
        with pytest.raises(HashingError):
            hash_value(Registered(1))
        value_repr.register(Registered, lambda obj: [obj.value])
        assert hash_value(Registered(1)) == hash_value(Registered(1)) != hash_value(Registered(2))

    def test_stand_ins_in_what_it_returns_count(self):
        assert hash_value(Represented([stand_in(1)])) == hash_value(Represented([1]))

    def test_called_directly(self):
        assert value_repr(Represented(3)) == 3
        assert value_repr(3) == 3


class TestState:
    def test_attributes_count_in_any_order(self):
        assert hash_value(Plain(a=1, b=2)) == hash_value(Plain(b=2, a=1)) != hash_value(Plain(a=1, b=3))

    def test_equal_state_of_other_classes_differs(self):
        assert len({hash_value(v) for v in (Plain(x=1), Cached(1), types.SimpleNamespace(x=1), {"x": 1})}) == 4

    def test_cached_properties_do_not_count(self):
        for make in (Cached, CachedJob, CachedWithSlots):
            fresh, used = make(3), make(3)
            assert getattr(used, "square", None) or used.double
            assert hash_value(fresh) == hash_value(used) != hash_value(make(4))

    def test_getstate_and_reduce_are_honoured(self):
        assert hash_value(OwnState(1)) == hash_value(OwnState(1)) != hash_value(OwnState(2))
        assert hash_value(OwnReduce(1)) == hash_value(OwnReduce(1)) != hash_value(OwnReduce(2))
        assert hash_value(NewArguments(1)) != hash_value(NewArguments(2))

    def test_slots(self):
        one, other = Slots(), Slots()
        one.a = other.a = 1
        assert hash_value(one) == hash_value(other)
        other.b = 2
        assert hash_value(one) != hash_value(other)

    @pytest.mark.parametrize("state", [(1, {"a": 1}), [1], {1: 2}, "text", ({"a": 1}, 3)], ids=str)
    def test_states_of_any_shape(self, state):
        assert hash_value(OddState(state)) == hash_value(OddState(copy.deepcopy(state)))
        assert hash_value(OddState(state)) != hash_value(OddState([state]))

    def test_values_are_never_compared(self):
        value = {Hostile(i): [Hostile(i)] for i in range(3)}
        assert hash_value(value) == hash_value({Hostile(i): [Hostile(i)] for i in (2, 0, 1)})
        assert hash_value([Hostile(1)] * 100) != hash_value([Hostile(2)] * 100)

    def test_stand_ins_in_attributes_count(self):
        assert hash_value(Plain(a=stand_in(1), b=[stand_in("x")])) == hash_value(Plain(a=1, b=["x"]))
        assert hash_value(Job(stand_in("a"), [stand_in(1)])) == hash_value(Job("a", [1]))
        assert hash_value(Point(stand_in(1), 2)) == hash_value(Point(1, 2))
        assert hash_value(collections.deque([stand_in(1)])) == hash_value(collections.deque([1]))

    def test_an_identity_can_be_given(self):
        assert hash_value(Identified("a")) == hash_value(Identified("a")) != hash_value(Identified("b"))


class TestSubclassesOfBuiltins:
    @pytest.mark.parametrize(
        ("sub", "plain"),
        [
            (Words("ab"), list("ab")),
            (Names("ab"), set("ab")),
            (Title("a"), "a"),
            (Table(a=1), {"a": 1}),
            (Point(1, 2), (1, 2)),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_they_differ_from_the_builtin(self, sub, plain):
        assert hash_value(sub) != hash_value(plain)
        assert hash_value([sub] * 70) != hash_value([plain] * 70)
        assert hash_value({"k": sub}) != hash_value({"k": plain})

    @pytest.mark.parametrize("base", [int, float, complex, str, bytes, tuple, list, dict, set, frozenset])
    def test_content_and_attributes_count(self, base):
        sub = type("Sub", (base,), {"__module__": __name__})
        one, other = sub(), sub()
        assert hash_value(one) == hash_value(other)
        other.extra = 1
        assert hash_value(one) != hash_value(other)

    def test_string_keys_of_a_subclass_are_not_strings(self):
        assert hash_value({Title("a"): 1}) != hash_value({"a": 1})
        assert hash_value([{Title("a"): 1, Title("b"): 1}] * 40) != hash_value([{"a": 1, "b": 1}] * 40)
        assert hash_value({Title("a")}) != hash_value({"a"})

    def test_named_tuples_differ_by_class_and_fields(self):
        other = collections.namedtuple("Point", "x y")  # noqa: PYI024
        renamed = collections.namedtuple("Point", "x z")  # noqa: PYI024
        assert len({hash_value(cls(1, 2)) for cls in (Point, other, renamed)}) == 3

    def test_slotted_dataclasses(self):
        assert hash_value(Slotted("a", 1)) == hash_value(Slotted("a", 1)) != hash_value(Slotted("a", 2))


class TestStandardLibrary:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
            (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))),
            (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, fold=1)),  # noqa: DTZ001
            (dt.time(1), dt.time(1, fold=1)),
            (dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)),  # noqa: DTZ001
            (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
            (collections.OrderedDict(a=1), {"a": 1}),
            (collections.defaultdict(list), collections.defaultdict(dict)),
            (collections.deque([1], 2), collections.deque([1], 3)),
            (bytearray(b"a"), b"a"),
            (memoryview(b"ab"), memoryview(b"abcd")[::2]),
            (ValueError(1), TypeError(1)),
            (functools.partial(int, base=2), functools.partial(int, base=3)),
            (Colour.RED, 1),
            (random.Random(1), random.Random(2)),
            (operator.itemgetter(1), operator.itemgetter(2)),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_these_differ(self, one, other):
        assert hash_value(one) != hash_value(other)

    def test_memory_in_other_layouts(self):
        assert hash_value(memoryview(b"abcd")[::2]) == hash_value(memoryview(b"ac"))
        assert hash_value(memoryview(b"")) == hash_value(memoryview(b"abcd")[:0])
        table = memoryview(bytes(range(6))).cast("B", (2, 3))
        assert hash_value(table) != hash_value(memoryview(bytes(range(6))))

    def test_a_long_bytearray_is_not_its_beginning(self):
        assert hash_value(bytearray(10_000)) != hash_value(bytearray(10_001))

    def test_errors_know_their_notes(self):
        plain, noted = ValueError("x"), ValueError("x")
        noted.add_note("n")
        assert hash_value(plain) != hash_value(noted)

    def test_subclasses_of_library_types(self):
        class Stamp(dt.datetime): ...

        class Bytes(bytearray): ...

        import array

        class Numbers(array.array): ...

        class Default(collections.defaultdict): ...

        pairs = [
            (Stamp(2020, 1, 1), dt.datetime(2020, 1, 1)),  # noqa: DTZ001
            (Bytes(b"a"), bytearray(b"a")),
            (Numbers("d", [1]), array.array("d", [1])),
            (Default(list), collections.defaultdict(list)),
        ]
        for sub, plain in pairs:
            assert hash_value(sub) != hash_value(plain)
            before = hash_value(sub)
            sub.extra = 1
            assert hash_value(sub) != before

    def test_a_zone_without_a_key_is_refused(self):
        import importlib.resources

        data = importlib.resources.files("tzdata.zoneinfo").joinpath("UTC")
        with data.open("rb") as file, pytest.raises(HashingError, match="no key"):
            hash_value(zoneinfo.ZoneInfo.from_file(file))

    def test_flags_and_enums_of_equal_value_differ(self):
        class Other(enum.Enum):
            RED = 1

        assert hash_value(Other.RED) != hash_value(Colour.RED)


class Shape:
    def __init__(self, sides):
        self.sides = sides


class TestEncoders:
    def test_an_encoder_can_be_registered_for_a_class(self):
        before = hash_value(Shape(3))
        register_encoder(Shape, lambda shape: Parts("test.shape", (shape.sides,), (".sides",)))
        assert hash_value(Shape(3)) != before
        assert hash_value(Shape(3)) == hash_value(Shape(stand_in(3)))
        with pytest.raises(HashingError, match=r"^v\.sides "):
            fingerprint(Shape(object()), path="v")

    def test_memory_is_hashed_in_blocks(self):
        short, long = memory("test", "B", (3,), b"abc"), memory("test", "B", (5000,), bytes(5000))
        assert hash_value(short) != hash_value(long)
        assert hash_value([long, short]) == hash_value([stand_in(long), stand_in(short)])
