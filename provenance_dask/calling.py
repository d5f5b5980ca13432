"""Calls become steps: arguments are bound and hashed, nothing is looked up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from provenance import engine
from provenance.engine import ATOMS, FunctionSpec
from provenance.errors import InvalidInputsError
from provenance.types import Kargs
from provenance_dask.shapes import compiled_caller, no_key
from provenance_dask.steps import NODE_MARK, CallStep, Step, has_hooks, is_collection, is_node, reuses_results
from provenance_dask.tasks import Slot, fill

N = TypeVar("N")


def caller(spec: FunctionSpec, node: Callable[[CallStep], N]) -> Callable[..., N]:
    """What takes the place of a function: makes the step for a call of it, and returns the node of that.

    It hashes the arguments and looks nothing up. It raises `HashingError` where one has no deterministic encoding, and
    `InvalidInputsError` where a node stands where its value could not be put.
    """
    keys = spec.keys
    if keys is None or spec.merged_names:
        return lambda *args, **kwargs: node(_any_step(spec, *spec.bind(args, kwargs)))
    names = spec.binder.head.names

    def general(*values: object) -> N:
        return node(_any_step(spec, dict(zip(names, values, strict=True)), ()))

    return compiled_caller(spec, keys, node, general)


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
    token = recipe if reuses else no_key()
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
    return CallStep(spec, *slotted, steps, tuple(met.values()), steps, holes, no_key(), None, None)


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
        elif type(value) not in ATOMS:
            nested: list[Any] = []

            def collect(node: object, nested: list[Any] = nested) -> object:
                nested.append(node)
                return node

            engine.map_leaves(value, is_collection, collect)
            for node in nested:
                yield hole, node
