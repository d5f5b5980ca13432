"""Calls become steps: arguments are bound and hashed, nothing is looked up."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from provenance import engine
from provenance.engine import CallKeys, FunctionSpec
from provenance.errors import InvalidInputsError
from provenance.types import Kargs
from provenance_dask.steps import NODE_MARK, CallStep, Step, has_hooks, is_collection, is_node, reuses_results
from provenance_dask.tasks import Slot, fill

N = TypeVar("N")

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
_SIZED = frozenset({str, bytes})
_LONGEST = 256
"""Characters or bytes of an argument up to which it is kept for the next call."""


def caller(spec: FunctionSpec, node: Callable[[CallStep], N]) -> Callable[..., N]:
    """What takes the place of a function: makes the step for a call of it, and returns the node of that.

    It hashes the arguments and looks nothing up. It raises `HashingError` where one has no deterministic encoding, and
    `InvalidInputsError` where a node stands where its value could not be put.
    """
    keys = spec.keys
    if keys is not None and not spec.merged_names:
        return _simple_caller(spec, keys, node)
    return lambda *args, **kwargs: node(_any_step(spec, *spec.bind(args, kwargs)))


def _simple_caller(  # noqa: C901  one pass over the arguments
    spec: FunctionSpec, keys: CallKeys, node: Callable[[CallStep], N]
) -> Callable[..., N]:
    """`caller` for functions of named parameters, whose calls mostly get atoms and nodes.

    Large graphs are made of such calls: what is the same in all of them is found out once, and kept.
    """
    bind, names, recipe_of = spec.binder.bind, keys.names, keys.recipe
    fixed = spec.options.use_cache
    latest: dict[str, tuple[object, bytes]] = {}
    """What each parameter got last, and its hash: many calls get the very same object."""
    shapes: dict[tuple[str, ...], _Shape] = {}
    """By the parameters that nodes were given to."""

    def call(*args: object, **kwargs: object) -> N:
        kargs = bind(*args, **kwargs)[0]
        digests: list[bytes] = []
        holes: list[str] = []
        inputs: list[Step] = []
        has_recipe = reuses = engine.settings().use_cache if fixed is None else fixed
        for name in names:
            value = kargs[name]
            kind = type(value)
            if kind in _ATOMS:
                known = latest.get(name)
                if known is None or known[0] is not value:
                    known = _hashed(name, value, latest)
                digests.append(known[1])
            elif hasattr(kind, NODE_MARK):
                step: Step = value.step  # type: ignore[attr-defined]
                digests.append(step.token.encode())  # what a node is hashed as
                holes.append(name)
                inputs.append(step)
                if step.recipe is None:
                    has_recipe = False
            else:
                return node(_any_step(spec, kargs, ()))
        hashed = tuple(digests)
        recipe = recipe_of(hashed)
        token = recipe if reuses else _no_key()
        if not inputs:
            return node(CallStep(spec, kargs, (), (), (), (), (), token, recipe if reuses else None, hashed))
        if len(inputs) > 1 and len(set(inputs)) < len(inputs):
            return node(_any_step(spec, kargs, ()))
        where = tuple(holes)
        shape = shapes.get(where)
        if shape is None:
            shape = shapes[where] = _Shape(where, tuple([spec.paths[name] for name in where]), _slots_for(where))
        slots = shape.slots
        if len(slots) < len(kargs):
            slots = {name: slots.get(name, value) for name, value in kargs.items()}
        sources = tuple(inputs)
        known_by = recipe if has_recipe else None
        return node(CallStep(spec, slots, (), sources, shape.paths, sources, shape.holes, token, known_by, None))

    return call


class _Shape(NamedTuple):
    """What the steps of calls share that got nodes as the same arguments: their names, paths, and slots for them."""

    holes: tuple[str, ...]
    paths: tuple[str, ...]
    slots: Kargs


def _slots_for(names: Iterable[str]) -> Kargs:
    return {name: Slot(index) for index, name in enumerate(names)}


def _hashed(name: str, value: object, latest: dict[str, tuple[object, bytes]]) -> tuple[object, bytes]:
    """An atom and its hash, kept for the next call unless it is long."""
    known = value, engine.hash_atom(value).encode()
    if type(value) not in _SIZED or len(value) <= _LONGEST:  # type: ignore[arg-type]
        latest[name] = known
    return known


def _no_key() -> str:
    """The token of a step that is equal to no other."""
    return os.urandom(32).hex()


def _any_step(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...]) -> CallStep:
    """The step for any call, whatever its arguments are.

    Raises
    ------
    HashingError, InvalidInputsError
        An argument has no deterministic encoding, or a node stands where its value could not be put.
    """
    plain = spec.has_plain_inputs
    if not plain and has_hooks(spec) and any(True for _ in _nodes_in(kargs, varargs)):
        # What the hooks make of an input is known when the input is.
        return _unkeyed(spec, kargs, varargs)
    inputs = engine.resolve_inputs(spec, kargs, varargs, None)
    awaited: dict[Step, str] = {}
    places = 0
    for path, carrier in inputs.carriers:
        if is_node(carrier):
            places += 1
            awaited.setdefault(carrier.step, path)  # type: ignore[attr-defined]
    holes: tuple[str | int, ...] = ()
    met = awaited
    if places or spec.unhashed:
        holes = _direct_holes(kargs, varargs)
        if len(holes) != places or spec.unhashed:
            holes, met = _located(spec, kargs, varargs, awaited)
    recipe = engine.recipe_from_digests(spec, inputs.digests)
    reuses = reuses_results(spec, use_cache=engine.settings().use_cache)
    token = recipe if reuses else _no_key()
    known_by = recipe if reuses and _all_have_recipes(awaited) else None
    steps, paths, awaits = tuple(met), tuple(met.values()), tuple(awaited)
    digests = None if awaited else inputs.digests
    slotted = _slotted(kargs, varargs, holes, steps)
    return CallStep(spec, *slotted, steps, paths, awaits, holes, token, known_by, digests)


def _all_have_recipes(steps: Iterable[Step]) -> bool:
    for step in steps:  # noqa: SIM110  all() takes twice the time for the few there are
        if step.recipe is None:
            return False
    return True


def _unkeyed(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...]) -> CallStep:
    holes, met = _located(spec, kargs, varargs, {})
    steps = tuple(met)
    slotted = _slotted(kargs, varargs, holes, steps)
    return CallStep(spec, *slotted, steps, tuple(met.values()), steps, holes, _no_key(), None, None)


def _slotted(
    kargs: Kargs, varargs: tuple[object, ...], holes: tuple[str | int, ...], inputs: tuple[Step, ...]
) -> tuple[Kargs, tuple[object, ...]]:
    """The arguments with slots in place of the nodes."""
    slots = {step: Slot(index) for index, step in enumerate(inputs)}
    return fill(kargs, varargs, holes, is_node, lambda node: slots[node.step])


def _direct_holes(kargs: Kargs, varargs: tuple[object, ...]) -> tuple[str | int, ...]:
    """The arguments that are nodes themselves."""
    holes: list[str | int] = [name for name, value in kargs.items() if hasattr(type(value), NODE_MARK)]
    if varargs:
        holes.extend(index for index, value in enumerate(varargs) if hasattr(type(value), NODE_MARK))
    return tuple(holes)


def _located(
    spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], met: dict[Step, str]
) -> tuple[tuple[str | int, ...], dict[Step, str]]:
    """The arguments in which nodes stand, and all those nodes with their paths.

    Raises
    ------
    InvalidInputsError
        A node that was met when hashing is inside an object that cannot be rebuilt with its value.
    """
    found: dict[Step, str] = {}
    holes: dict[str | int, None] = {}
    for hole, node in _nodes_in(kargs, varargs):
        holes[hole] = None
        place = f"varargs[{hole}]" if isinstance(hole, int) else f"kargs[{hole!r}]"
        if not is_node(node):
            msg = (
                f"{place} given to {spec.label} is a Dask collection ({type(node).__name__}), which has no value "
                "before it is computed: compute it first, or pass provenance_dask.by_token(x), which keys it by the "
                "token of its graph"
            )
            raise InvalidInputsError(msg)
        found.setdefault(node.step, met.get(node.step, place))
    for step, path in met.items():
        if step not in found:
            msg = (
                f"{path} of {spec.label} holds a lazy artifact of {step.spec.label} inside an object that cannot be "
                "rebuilt with its value: pass it as an argument of its own, or in lists, tuples, sets, dicts and "
                "dataclasses"
            )
            raise InvalidInputsError(msg)
    return tuple(holes), found


def _nodes_in(kargs: Kargs, varargs: tuple[object, ...]) -> Iterable[tuple[str | int, Any]]:
    places: Iterable[tuple[str | int, object]] = itertools.chain(kargs.items(), enumerate(varargs))
    for hole, value in places:
        if is_node(value):
            yield hole, value
        elif type(value) not in _ATOMS:
            nested: list[Any] = []

            def collect(node: object, nested: list[Any] = nested) -> object:
                nested.append(node)
                return node

            engine.map_leaves(value, is_collection, collect)
            for node in nested:
                yield hole, node
