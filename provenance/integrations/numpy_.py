"""numpy: arrays by type, shape and values in C order, streamed without a copy of the whole.

Memory layout does not count. What numpy leaves undefined (padding of records and of extended precision, values
under a mask) is not looked at. A record array is described column by column, so that aligned and packed records
are alike. Neither does byte order, which pickling does not always keep.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from provenance.hashing import Array, Attributes, Parts, Undetermined, register_encoder, type_name
from provenance.integrations.array_blocks import blocks_of, is_rewritten


def array(kind: str, values: np.ndarray[Any, Any]) -> Parts | Array:
    """Describe an exact `numpy.ndarray`."""
    dtype = values.dtype
    if dtype.kind == "T":
        return Parts(f"{kind} of strings", (_missing(dtype), values.shape, values.ravel(order="C").tolist()))
    stored = _stored(dtype)
    if stored is not None:
        name, hashed, is_start = stored
        if dtype.names is not None:
            kind = f"{kind} of records"
        if is_start:
            values = values.getfield(hashed, 0)
        return Array(kind, name, values.shape, values.size * hashed.itemsize, blocks_of(values, hashed))
    if dtype.names is not None:
        columns = [array("numpy.ndarray", values[name]) for name in dtype.names]
        labels = ("", "", *(f"[{name!r}]" for name in dtype.names))
        return Parts(f"{kind} of records", (dtype.names, values.shape, *columns), labels)
    return Parts(f"{kind} of objects", (values.shape, values.ravel(order="C").tolist()))


class _Stored(NamedTuple):
    """What items are hashed as: its name, its type, and whether that is the first bytes of an item as they are."""

    name: object
    dtype: np.dtype[Any]
    is_start: bool


@lru_cache(1024)
def _stored(dtype: np.dtype[Any]) -> _Stored | None:
    """What items of a type are hashed as; None if they are described one by one."""
    if dtype.names is not None:
        return _packed(dtype)
    if dtype.hasobject:
        return None
    little = dtype.newbyteorder("<")
    return _Stored(little.str, little, is_start=False)


def _packed(dtype: np.dtype[Any]) -> _Stored | None:
    """Records of plain fields, without padding; None for other fields."""
    fields = []
    for name in dtype.names or ():
        field = dtype[name].newbyteorder("<")
        if field.hasobject or field.names is not None or field.subdtype is not None or is_rewritten(field):
            return None
        fields.append((name, field.str))
    packed = np.dtype(fields)
    if packed.itemsize and _places(dtype) == _places(packed):
        return _Stored(tuple(fields), np.dtype((np.void, packed.itemsize)), is_start=True)
    return _Stored(tuple(fields), packed, is_start=False)


def _places(dtype: np.dtype[Any]) -> dict[str, tuple[np.dtype[Any], int]]:
    return {name: (field, place) for name, (field, place, *_) in (dtype.fields or {}).items()}


def _missing(dtype: Any) -> object:
    return (dtype.na_object,) if hasattr(dtype, "na_object") else ()


def _ndarray(obj: np.ndarray[Any, Any]) -> Parts | Array:
    cls = type(obj)
    if cls is np.ndarray:
        return array("numpy.ndarray", obj)
    if cls is np.memmap:
        return array("numpy.ndarray", obj.view(np.ndarray))
    state = getattr(obj, "__dict__", None)
    plain = array("numpy.ndarray", obj.view(np.ndarray))
    return Parts("subclass", (type_name(cls), plain, Attributes(state) if state else None))


def _masked(obj: np.ma.MaskedArray[Any, Any]) -> Parts:
    data = np.ma.getdata(obj, subok=False)
    mask = np.ma.getmaskarray(obj)
    extra = (type_name(type(obj)), _ndarray(np.asarray(obj.fill_value)), bool(obj.hardmask))
    return Parts("numpy.ma.MaskedArray", (*extra, *_under(data, mask)))


def _under(data: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> tuple[object, object]:
    """The mask, and the values with zeros where they are masked."""
    if mask.dtype.names is not None:
        columns = [_under(data[name], mask[name]) for name in mask.dtype.names]
        return mask.dtype.names, columns
    if mask.any():
        data = data.copy()
        data[mask] = np.zeros((), data.dtype)
    return array("numpy.ndarray", mask), array("numpy.ndarray", data)


def _scalar(obj: np.generic) -> Parts | Array:
    described = array("numpy.scalar", np.asarray(obj).view(np.ndarray))
    return described if type(obj).__module__ == "numpy" else Parts("subclass", (type_name(type(obj)), described))


def _dtype(obj: np.dtype[Any]) -> Parts:
    if obj.names is None:
        base, shape = (None, ()) if obj.subdtype is None else obj.subdtype
        return Parts("numpy.dtype", (obj.str, base, shape, _missing(obj) if obj.kind == "T" else None))
    fields: list[Any] = [(name, *obj.fields[name]) for name in obj.names]  # type: ignore[index]
    return Parts("numpy.dtype", (type_name(obj.type), fields, obj.itemsize, obj.isalignedstruct))


def _ufunc(obj: np.ufunc) -> Parts:
    name = obj.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is obj:
            return Parts("global", (f"{module}:{name}",))
    raise Undetermined(f"the ufunc {name} was made from a function", "Pass the function itself.")


register_encoder(np.ndarray, _ndarray)
register_encoder(np.ma.MaskedArray, _masked)
register_encoder(np.generic, _scalar)
register_encoder(np.dtype, _dtype)
register_encoder(np.ufunc, _ufunc)
