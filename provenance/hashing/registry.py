"""Which encoder describes a type: those of the standard library, those of integrations, and users' own."""

from __future__ import annotations

from provenance._util.lazy_registry import LazyRegistry
from provenance.hashing.parts import Encoder

ENCODERS: LazyRegistry[Encoder] = LazyRegistry()

_LIBRARIES = {
    "numpy": "numpy_",
    "pandas": "pandas_",
    "pyarrow": "pyarrow_",
    "polars": "polars_",
    "scipy": "scipy_",
    "sklearn": "sklearn_",
    "xarray": "xarray_",
    "torch": "torch_",
}

for _library, _module in _LIBRARIES.items():
    ENCODERS.provide(_library, f"provenance.integrations.{_module}")


def register_encoder(key: type | str, encoder: Encoder) -> Encoder:
    """Describe values of a type, and of its subclasses, by `encoder` when they are hashed.

    Parameters
    ----------
    key : type or str
        The type, or its ``module.qualname`` where the library should not be imported.
    encoder : callable
        Gets the object, returns `Parts`, `Attributes` or `Array`, and raises `Undetermined` for an object without
        a deterministic encoding. Called for subclasses too: it has to tell them apart.
    """
    ENCODERS.register(key, encoder)
    return encoder


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder registered for the class or the nearest of its bases."""
    found = ENCODERS.find(cls)
    return None if found is None else found[1]
