"""xarray: datasets, data arrays and variables by dimensions, coordinates, values and attributes.

How they were read from a file (`encoding`) does not count.
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from provenance.hashing import Parts, Undetermined, register_encoder


def _variable(obj: Any) -> Parts:
    if obj.chunks is not None:
        raise Undetermined("its values are not computed yet", "Call `.compute()` and pass the result.")
    return Parts("xarray.Variable", (obj.dims, obj.attrs, obj.to_numpy()), (".dims", ".attrs", ".values"))


def _variables(variables: Any) -> dict[Any, Any]:
    return {name: _variable(variable.variable) for name, variable in variables.items()}


def _data_array(obj: xr.DataArray) -> Parts:
    parts = (obj.name, _variable(obj.variable), _variables(obj.coords), set(obj.indexes))
    return Parts("xarray.DataArray", parts, (".name", "", ".coords"))


def _dataset(obj: xr.Dataset) -> Parts:
    parts = (dict(obj.sizes), obj.attrs, _variables(obj.data_vars), _variables(obj.coords), set(obj.indexes))
    return Parts("xarray.Dataset", parts, ("", ".attrs", ".data_vars", ".coords"))


register_encoder(xr.Variable, _variable)
register_encoder(xr.DataArray, _data_array)
register_encoder(xr.Dataset, _dataset)
