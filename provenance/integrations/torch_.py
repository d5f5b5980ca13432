"""torch: tensors by type, shape and values, modules by class and attributes.

The device a tensor lies on does not count; whether it takes part in differentiation does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import torch

from provenance.hashing import Array, Attributes, Parts, Undetermined, register_encoder, type_name


def _tensor(obj: torch.Tensor) -> Parts:
    if obj.is_quantized or obj.is_meta or obj.is_nested:
        raise Undetermined("quantized, nested and meta tensors have no plain values", "Pass an ordinary tensor.")
    return Parts("torch.Tensor", (type_name(type(obj)), obj.requires_grad, *_values(obj.detach())))


def _values(tensor: torch.Tensor) -> tuple[object, ...]:
    if tensor.layout == torch.strided:
        return (_dense(tensor),)
    entries = tensor.to_sparse_coo().coalesce()
    return (str(tensor.layout), tuple(tensor.shape), _dense(entries.indices()), _dense(entries.values()))


def _dense(tensor: torch.Tensor) -> Array:
    plain = tensor.cpu().resolve_conj().resolve_neg().contiguous()
    size = plain.numel() * plain.element_size()
    return Array("torch.values", str(plain.dtype), tuple(plain.shape), size, _memory(plain, size))


def _memory(tensor: torch.Tensor, size: int) -> Callable[[], Iterator[memoryview]]:
    """Return what yields the tensor's memory, which the tensor in the closure keeps alive."""

    def blocks() -> Iterator[memoryview]:
        if size:
            yield memoryview((ctypes.c_char * size).from_address(tensor.data_ptr())).cast("B")

    return blocks


def _module(obj: torch.nn.Module) -> Parts:
    state = {name: value for name, value in obj.__getstate__().items() if name != "_compiled_call_impl"}
    return Parts("torch.Module", (type_name(type(obj)), Attributes(state)))


def _constant(obj: object) -> Parts:
    return Parts("constant", (str(obj),))


def _device(obj: torch.device) -> Parts:
    return Parts("torch.device", (str(obj),))


def _generator(obj: torch.Generator) -> Parts:
    return Parts("torch.Generator", (str(obj.device), obj.get_state()))


register_encoder(torch.Tensor, _tensor)
register_encoder(torch.nn.Module, _module)
register_encoder(torch.dtype, _constant)
register_encoder(torch.layout, _constant)
register_encoder(torch.memory_format, _constant)
register_encoder(torch.device, _device)
register_encoder(torch.Generator, _generator)
