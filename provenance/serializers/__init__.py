"""Values as bytes: the built-in serializers, users' own, and which one a value gets.

=============== ====================================================== =======================================
name            takes                                                  loads
=============== ====================================================== =======================================
``joblib``      everything that can be pickled; the default            large arrays mapped copy-on-write
``pickle5``     the same; the default for arrays and frames            array memory mapped copy-on-write
``array``       one numpy array, as it is hashed; the default for      mapped copy-on-write
                those of 1 MiB and more
``cloudpickle`` functions and classes of scripts and notebooks too     into memory
``npy``         one numpy array                                        mapped copy-on-write
``parquet``     pandas and pyarrow frames                              into memory
=============== ====================================================== =======================================
"""

from __future__ import annotations

from provenance.serializers.records import Serializer
from provenance.serializers.registry import (
    DEFAULT,
    get_serializer,
    pack,
    register_serializer,
    serializer_for,
    unpack,
)

__all__ = [
    "DEFAULT",
    "Serializer",
    "get_serializer",
    "pack",
    "register_serializer",
    "serializer_for",
    "unpack",
]
