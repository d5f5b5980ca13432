"""What cannot be recorded is reported, never lost and never in the caller's way."""

from __future__ import annotations

import logging
import warnings

from provenance._util.callers import caller_level
from provenance.artifacts.artifact import storing
from provenance.engine.inputs import Inputs
from provenance.engine.spec import FunctionSpec
from provenance.errors import SerializationError, UnrecordedResultWarning
from provenance.serializers import pack
from provenance.types import INPUTS_SERIALIZER, Kargs, Payload

logger = logging.getLogger("provenance")


def report_unrecorded(spec: FunctionSpec, value: object, error: Exception) -> object:
    """Say in a warning and in the log why a result was not recorded, and give the plain value back."""
    msg = f"the result of {spec.label} is returned but was not recorded: {error}"
    logger.warning(msg, exc_info=error)
    warnings.warn(msg, UnrecordedResultWarning, stacklevel=caller_level())
    return value


def pack_inputs(inputs: Inputs) -> Payload:
    """Serialise the inputs of a call; an argument that no serializer takes is replaced by its description."""
    with storing():
        try:
            return _pack(inputs.kargs, inputs.varargs)
        except SerializationError:
            kargs = {name: _packable(value) for name, value in inputs.kargs.items()}
            return _pack(kargs, tuple(map(_packable, inputs.varargs)))


def _pack(kargs: Kargs, varargs: tuple[object, ...]) -> Payload:
    inputs = {"kargs": kargs, "varargs": varargs}
    try:
        return pack(inputs, INPUTS_SERIALIZER, {})
    except SerializationError:
        # Functions made at run time: what cloudpickle writes, the plain unpickler reads.
        return pack(inputs, "cloudpickle", {})


def _packable(value: object) -> object:
    try:
        _pack({"value": value}, ())
    except SerializationError as error:
        return UnrecordedInput(f"{type(value).__module__}.{type(value).__qualname__}", str(error))
    return value


class UnrecordedInput:
    """Stands in recorded inputs for an argument that no serializer takes.

    Attributes
    ----------
    type_name : str
        Qualified name of the argument's type.
    reason : str
        Why it could not be stored.
    """

    __slots__ = ("reason", "type_name")

    def __init__(self, type_name: str, reason: str) -> None:
        self.type_name = type_name
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return UnrecordedInput, (self.type_name, self.reason)

    def __repr__(self) -> str:
        return f"<unrecorded {self.type_name}: {self.reason}>"
