"""What is said when a value does not become bytes, or bytes do not become a value."""

from __future__ import annotations

from provenance.errors import SerializationError
from provenance.serializers.records import dotted_name


def dump_failure(value: object, serializer: str, cause: BaseException) -> SerializationError:
    """The error for a value that `serializer` does not take."""
    kind = dotted_name(type(value))
    if serializer in ("joblib", "pickle5"):
        remedy = "return something that can be pickled, use serializer='cloudpickle', or register_serializer() for it"
    else:
        remedy = "use another serializer, or register_serializer() for it"
    msg = f"serializer {serializer!r} cannot store a value of type {kind}: {_tell(cause)}; {remedy}"
    return SerializationError(msg)


def load_failure(serializer: str, cause: BaseException) -> SerializationError:
    """The error for bytes that `serializer` cannot read back."""
    if isinstance(cause, ImportError | AttributeError):
        remedy = "install or import what defines the value's type, under the name it had when it was stored"
    else:
        remedy = "check load_kwargs and that the library that wrote the value is installed in a fitting version"
    return SerializationError(f"serializer {serializer!r} cannot read a stored value: {_tell(cause)}; {remedy}")


def _tell(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
