"""Which serializers exist, and which one a value gets when none is named."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from provenance._util.deferred import Deferred
from provenance.errors import ProvenanceError, SerializationError
from provenance.serializers.records import Kwargs, Serializer, dotted_name
from provenance.types import Payload

if TYPE_CHECKING:
    from provenance.serializers import array, by_filename, failures
    from provenance.serializers.by_filename import Dump, Load
else:
    array = Deferred("provenance.serializers.array")
    by_filename = Deferred("provenance.serializers.by_filename")
    failures = Deferred("provenance.serializers.failures")

DEFAULT = "joblib"
_OF_MEMORY = "pickle5"

_BUILTIN = {name: f"provenance.serializers.{name}" for name in ("pickle5", "array", "npy", "parquet")}
_BUILTIN |= {name: f"provenance.serializers.{name}_" for name in ("joblib", "cloudpickle")}
"""The modules of the built-in serializers, each imported when it is first needed."""
_serializers: dict[str, Serializer] = {}
_by_class: dict[type | str, str] = dict.fromkeys(
    (
        "numpy.ndarray",
        "pandas.DataFrame",
        "pandas.Series",
        "pandas.Index",
        "pandas.core.frame.DataFrame",
        "pandas.core.series.Series",
        "pandas.core.indexes.base.Index",
        "pyarrow.lib.Table",
        "pyarrow.lib.RecordBatch",
        "scipy.sparse._base._spbase",
        "xarray.core.dataset.Dataset",
        "xarray.core.dataarray.DataArray",
    ),
    _OF_MEMORY,
)


def register_serializer(
    name: str,
    dump: Dump,
    load: Load,
    content_type: str = "application/octet-stream",
    classes: Iterable[type | str] = (),
) -> None:
    """Add a serializer, to be named in ``serializer=`` or used for `classes` by itself.

    Register it in every process that stores or loads such values; registering the same name again replaces it.

    Parameters
    ----------
    name : str
        The name it is selected by and recorded under.
    dump : callable
        ``dump(obj, filename, **dump_kwargs)`` writes one file at `filename`, a str; an extension may be appended.
    load : callable
        ``load(filename, **load_kwargs)`` reads it back. It must give a new object each time and leave the file alone.
    content_type : str
        Media type of the file.
    classes : iterable of type or str
        Types whose values, and those of their subclasses, get this serializer when none is named. A str is the
        dotted name of a type (``"package.module.Class"``), whose package need not be imported.

    Raises
    ------
    SerializationError
        The name is empty or that of a built-in serializer, or `dump` or `load` cannot be called.
    """
    if not isinstance(name, str) or not name or name in _BUILTIN:
        msg = f"a serializer cannot be named {name!r}: choose a non-empty name other than {sorted(_BUILTIN)}"
        raise SerializationError(msg)
    for role, function in (("dump", dump), ("load", load)):
        if not callable(function):
            msg = f"{role} of serializer {name!r} must be callable, got {type(function).__name__}"
            raise SerializationError(msg)
    keys = [classes] if isinstance(classes, type | str) else list(classes)
    _serializers[name] = by_filename.by_filename(name, dump, load, content_type)
    _by_class.update(dict.fromkeys(keys, name))


def serializer_for(value: object) -> str:
    """Return the name of the serializer that a value gets when none is named.

    The first class in the method resolution order of the value's type that has one decides; an array that is large
    enough gets ``array`` where its type would give it ``pickle5``.
    """
    for cls in type(value).__mro__:
        name = _by_class.get(cls) or _by_class.get(dotted_name(cls))
        if name is not None:
            return array.NAME if name == _OF_MEMORY and array.is_covered(value) else name
    return DEFAULT


def get_serializer(name: str) -> Serializer:
    """Return the serializer called `name`.

    Raises
    ------
    SerializationError
        There is none; the message gives the nearest names.
    """
    try:
        return _serializers[name]
    except (KeyError, TypeError):
        if name not in _names():
            raise _unknown(name) from None
    serializer: Serializer = import_module(_BUILTIN[name]).SERIALIZER
    return _serializers.setdefault(name, serializer)


def _names() -> list[str]:
    """All serializers."""
    return sorted({*_BUILTIN, *_serializers})


def _unknown(name: object) -> SerializationError:
    from difflib import get_close_matches  # noqa: PLC0415  only needed for this message

    near = get_close_matches(str(name), _names(), n=3, cutoff=0.5) or _names()
    choices = ", ".join(repr(choice) for choice in near)
    return SerializationError(
        f"there is no serializer {name!r} in this process: did you mean {choices}? "
        "Others must be registered with register_serializer() before they are used"
    )


def pack(value: object, name: str, kwargs: Kwargs) -> Payload:
    """Turn a value into bytes.

    Parameters
    ----------
    value : object
        The value. The payload may refer to its memory: do not change it before the payload is written.
    name : str
        Name of the serializer.
    kwargs : mapping
        Options for it (``dump_kwargs``).

    Raises
    ------
    SerializationError
        No serializer has this name, or this one does not take the value.
    """
    serializer = get_serializer(name)
    try:
        return serializer.pack(value, kwargs)
    except ProvenanceError:
        raise
    except Exception as exc:  # whatever a value's own pickling raises
        raise failures.dump_failure(value, name, exc) from exc


def unpack(source: bytes | Path, name: str, kwargs: Kwargs) -> object:
    """Turn stored bytes, given as such or as a file, into a new value.

    Raises
    ------
    SerializationError
        No serializer has this name, or this one cannot read the bytes.
    """
    serializer = get_serializer(name)
    try:
        return serializer.unpack(source, kwargs)
    except ProvenanceError:
        raise
    except Exception as exc:  # whatever a value's own unpickling raises
        raise failures.load_failure(name, exc) from exc
