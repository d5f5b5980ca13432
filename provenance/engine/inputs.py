"""The inputs of a call: what is hashed and recorded, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from provenance.engine.digests import Digests
from provenance.engine.options import InputsFn
from provenance.engine.spec import FunctionSpec
from provenance.errors import InvalidInputsError
from provenance.hashing import fingerprint, hash_argument
from provenance.types import CarriesArtifact, Kargs


class Inputs(NamedTuple):
    """What is recorded of a call's arguments, and what was found by hashing them.

    `raw` are the digests as hashed, `digests` what ``input_hash_fn`` made of them; `carriers` are the stand-ins
    that were met, with their paths.
    """

    kargs: Kargs
    varargs: tuple[object, ...]
    raw: Digests
    digests: Digests
    carriers: list[tuple[str, CarriesArtifact]]


class _Recorded(NamedTuple):
    kargs: Kargs
    varargs: tuple[object, ...]


def resolve_inputs(
    spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], carried: Mapping[int, CarriesArtifact] | None
) -> Inputs:
    """Process, drop and hash the bound arguments of a call.

    Parameters
    ----------
    spec : FunctionSpec
        The decorated function.
    kargs, varargs : dict, tuple
        Bound arguments.
    carried : mapping, optional
        Proxies by the ``id()`` of the plain value that stands for them here.

    Raises
    ------
    HashingError
        An argument has no deterministic encoding; the message names the path to it.
    InvalidInputsError
        A hook returned another shape than it got.
    """
    if carried:
        kargs = {name: carried.get(id(value), value) for name, value in kargs.items()}
        varargs = tuple(carried.get(id(value), value) for value in varargs)
    counted, positions = kargs, varargs
    if not spec.has_plain_inputs:
        recorded = _recorded(spec, kargs, varargs)
        kargs, varargs = recorded.kargs, recorded.varargs
        hashed = _hashed(spec, recorded)
        counted, positions = hashed.kargs, hashed.varargs
    carriers: list[tuple[str, CarriesArtifact]] = []
    paths = spec.paths
    named: list[tuple[str, str]] = []
    for name, value in counted.items():
        path = paths.get(name) or f"kargs[{name!r}]"
        named.append((name, _digest(value, path, carriers, carried)))
    named.sort()
    positional: tuple[str, ...] = ()
    if positions:
        positional = tuple([_digest(value, f"varargs[{i}]", carriers, carried) for i, value in enumerate(positions)])
    raw = Digests(tuple(named), positional)
    hook = spec.options.input_hash_fn
    digests = raw if hook is None else _rewritten(hook, raw)
    return Inputs(kargs, varargs, raw, digests, carriers)


def _digest(
    value: object,
    path: str,
    carriers: list[tuple[str, CarriesArtifact]],
    carried: Mapping[int, CarriesArtifact] | None,
) -> str:
    if carried:
        return fingerprint(value, path=path, carriers=carriers, carried=carried).digest
    return hash_argument(value, path, carriers)


def _recorded(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...]) -> _Recorded:
    if spec.options.input_process_fn is not None:
        kargs, varargs = _apply("input_process_fn", spec.options.input_process_fn, kargs, varargs)
    return _without(spec, spec.options.remove, kargs, varargs)


def _hashed(spec: FunctionSpec, recorded: _Recorded) -> _Recorded:
    return _without(spec, spec.unhashed, recorded.kargs, recorded.varargs)


def _without(spec: FunctionSpec, names: frozenset[str], kargs: Kargs, varargs: tuple[object, ...]) -> _Recorded:
    if not names:
        return _Recorded(kargs, varargs)
    binder = spec.binder
    extra_too = binder.var_keyword in names
    kept = {
        name: value
        for name, value in kargs.items()
        if name not in names and not (extra_too and name not in binder.named)
    }
    return _Recorded(kept, () if binder.var_positional in names else varargs)


def _rewritten(fn: InputsFn, digests: Digests) -> Digests:
    kargs, varargs = _apply("input_hash_fn", fn, dict(digests.named), digests.positional)
    for digest in (*kargs.values(), *varargs):
        if not isinstance(digest, str):
            msg = f"input_hash_fn must return hashes (str), got {digest!r:.80}"
            raise InvalidInputsError(msg)
    return Digests(tuple(sorted((name, str(digest)) for name, digest in kargs.items())), tuple(map(str, varargs)))


def _apply(hook: str, fn: InputsFn, kargs: Kargs, varargs: tuple[object, ...]) -> tuple[Kargs, tuple[object, ...]]:
    given = {"kargs": dict(kargs), "varargs": tuple(varargs)}
    returned: object = fn(given)
    if not isinstance(returned, Mapping) or set(returned) != {"kargs", "varargs"}:
        got = sorted(map(str, returned)) if isinstance(returned, Mapping) else type(returned).__name__
        msg = f"{hook} must return a dict with the keys 'kargs' and 'varargs', got {got}"
        raise InvalidInputsError(msg)
    new_kargs, new_varargs = returned["kargs"], returned["varargs"]
    if not isinstance(new_kargs, Mapping) or not all(isinstance(name, str) for name in new_kargs):
        msg = f"{hook} must return a dict with string keys under 'kargs', got {new_kargs!r:.80}"
        raise InvalidInputsError(msg)
    if not isinstance(new_varargs, tuple | list):
        msg = f"{hook} must return a tuple under 'varargs', got {new_varargs!r:.80}"
        raise InvalidInputsError(msg)
    return dict(new_kargs), tuple(new_varargs)
