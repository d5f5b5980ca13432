"""Encoders of the standard library's types, registered by name so that none of their modules is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provenance.hashing.naming import type_name
from provenance.hashing.parts import Array, Attributes, Description, Parts, Undetermined, memory
from provenance.hashing.registry import register_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _by_attributes(kind: str, *names: str) -> Callable[[Any], Description]:
    labels = tuple(f".{name}" for name in names)

    def encode(obj: Any) -> Description:
        return of_kind(kind, obj, [getattr(obj, name) for name in names], labels)

    return encode


def of_kind(kind: str, obj: object, parts: Sequence[object], labels: Sequence[str] = ()) -> Parts:
    """Describe an object of a kind; for a subclass, its name and its attributes are parts too."""
    cls = type(obj)
    if f"{cls.__module__}.{cls.__qualname__}" == kind:
        return Parts(kind, parts, labels)
    state = getattr(obj, "__dict__", None)
    return Parts("subclass", (type_name(cls), Parts(kind, parts, labels), Attributes(state) if state else None))


def _decimal(obj: Any) -> Description:
    sign, digits, exponent = obj.as_tuple()
    return of_kind("decimal.Decimal", obj, (sign, bytes(digits), exponent))


def _date(obj: Any) -> Description:
    return of_kind("datetime.date", obj, (obj.year, obj.month, obj.day))


def _datetime(obj: Any) -> Description:
    clock = (obj.year, obj.month, obj.day, obj.hour, obj.minute, obj.second, obj.microsecond, obj.fold)
    return of_kind("datetime.datetime", obj, (*clock, obj.tzinfo), (*("",) * 8, ".tzinfo"))


def _time(obj: Any) -> Description:
    clock = (obj.hour, obj.minute, obj.second, obj.microsecond, obj.fold)
    return of_kind("datetime.time", obj, (*clock, obj.tzinfo), (*("",) * 5, ".tzinfo"))


def _timezone(obj: Any) -> Description:
    return of_kind("datetime.timezone", obj, tuple(obj.__getinitargs__()))


def _zone_info(obj: Any) -> Description:
    if obj.key is None:
        raise Undetermined("a ZoneInfo read from a file has no key", "Use a ZoneInfo with a key.")
    return of_kind("zoneinfo.ZoneInfo", obj, (obj.key,))


def _uuid(obj: Any) -> Description:
    return of_kind("uuid.UUID", obj, (obj.bytes,))


def _path(obj: Any) -> Description:
    cls = type(obj)
    name = cls.__name__ if cls.__module__.partition(".")[0] == "pathlib" else type_name(cls)
    return Parts("pathlib", (name, str(obj)))


def _pattern(obj: Any) -> Description:
    return Parts("re.Pattern", (obj.pattern, obj.flags))


def _ordered_dict(obj: Any) -> Description:
    return of_kind("collections.OrderedDict", obj, (list(obj), list(obj.values())), (".keys()", ".values()"))


def _default_dict(obj: Any) -> Description:
    return of_kind("collections.defaultdict", obj, (obj.default_factory, dict(obj)), (".default_factory",))


def _counter(obj: Any) -> Description:
    return of_kind("collections.Counter", obj, (dict(obj),))


def _deque(obj: Any) -> Description:
    return of_kind("collections.deque", obj, (obj.maxlen, list(obj)), (".maxlen",))


def _mapping_proxy(obj: Any) -> Description:
    return Parts("types.MappingProxyType", (dict(obj),))


def _array(obj: Any) -> Description:
    plain = memory("array.array", obj.typecode, (len(obj),), memoryview(obj).cast("B"))
    cls = type(obj)
    return plain if cls.__module__ == "array" else Parts("subclass", (type_name(cls), plain, Attributes(vars(obj))))


def _bytearray(obj: Any) -> Description:
    plain = memory("builtins.bytearray", "B", (len(obj),), memoryview(obj))
    return plain if type(obj) is bytearray else Parts("subclass", (type_name(type(obj)), plain, Attributes(vars(obj))))


def _memoryview(obj: memoryview) -> Description:
    shape = obj.shape or ()
    if obj.c_contiguous and 0 not in shape:
        return memory("builtins.memoryview", obj.format, shape, obj)
    data = obj.tobytes("C")
    return Array("builtins.memoryview", obj.format, shape, len(data), lambda: (data,))


def _exception(obj: BaseException) -> Description:
    state = vars(obj)
    return Parts("exception", (type_name(type(obj)), obj.args, Attributes(state) if state else None), ("", ".args"))


def _named_constant(obj: object) -> Description:
    return Parts("constant", (repr(obj),))


def _register() -> None:
    by_attributes = {
        "builtins.range": ("start", "stop", "step"),
        "builtins.slice": ("start", "stop", "step"),
        "fractions.Fraction": ("numerator", "denominator"),
        "datetime.timedelta": ("days", "seconds", "microseconds"),
        "functools.partial": ("func", "args", "keywords"),
    }
    for name, attributes in by_attributes.items():
        register_encoder(name, _by_attributes(name, *attributes))
    by_function: dict[str, Callable[[Any], Description]] = {
        "decimal.Decimal": _decimal,
        "datetime.date": _date,
        "datetime.datetime": _datetime,
        "datetime.time": _time,
        "datetime.timezone": _timezone,
        "zoneinfo.ZoneInfo": _zone_info,
        "uuid.UUID": _uuid,
        "pathlib.PurePath": _path,
        "pathlib._local.PurePath": _path,
        "re.Pattern": _pattern,
        "collections.OrderedDict": _ordered_dict,
        "collections.defaultdict": _default_dict,
        "collections.Counter": _counter,
        "collections.deque": _deque,
        "builtins.mappingproxy": _mapping_proxy,
        "array.array": _array,
        "builtins.bytearray": _bytearray,
        "builtins.memoryview": _memoryview,
        "builtins.BaseException": _exception,
        "builtins.ellipsis": _named_constant,
        "builtins.NotImplementedType": _named_constant,
    }
    for name, encoder in by_function.items():
        register_encoder(name, encoder)


_register()
