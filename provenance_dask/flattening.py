"""Steps as a flat list, in which a graph of any depth pickles without recursion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from provenance import engine
from provenance.engine import FunctionSpec
from provenance.types import Kargs, RecipeKey
from provenance_dask.embedding import CollectionStep
from provenance_dask.resolve import above
from provenance_dask.steps import CallStep, MemberStep, Step


@dataclass(frozen=True, slots=True)
class _Flat:
    """A step whose inputs are named by their places in the list.

    An equal step is what `make` makes of these inputs and of `parts`.
    """

    inputs: tuple[int, ...]
    make: Callable[..., Step]
    parts: tuple[object, ...]
    annotations: dict[str, object] | None
    futures: Any


def flatten(step: Step) -> list[_Flat]:
    """The step and all above it, inputs before what uses them."""
    order = above([step])
    places = {source: place for place, source in enumerate(order)}
    return [
        _Flat(tuple([places[source] for source in each.inputs]), *_taken_apart(each), each.annotations, each.futures)
        for each in order
    ]


def rebuild(flats: Sequence[_Flat]) -> Step:
    """The last step of a flat list."""
    steps: list[Step] = []
    for flat in flats:
        step = flat.make([steps[place] for place in flat.inputs], *flat.parts)
        step.annotations = flat.annotations
        step.futures = flat.futures
        steps.append(step)
    return steps[-1]


def _taken_apart(step: Step) -> tuple[Callable[..., Step], tuple[object, ...]]:
    if isinstance(step, MemberStep):
        return _member_step, (step.member,)
    if isinstance(step, CollectionStep):
        return _collection_step, (step.collection, step.token)
    if not isinstance(step, CallStep):
        return _as_it_is, (step,)
    awaited = set(step.awaits)
    awaits = tuple([index for index, source in enumerate(step.inputs) if source in awaited])
    return _call_step, (
        *(step.spec, step.kargs, step.varargs, step.paths, awaits),
        *(step.holes, step.token, step.recipe, step.digests),
    )


def _as_it_is(_inputs: Sequence[Step], step: Step) -> Step:
    return step


def _member_step(inputs: Sequence[Step], member: str) -> MemberStep:
    return MemberStep(inputs[0], member)


def _collection_step(_inputs: Sequence[Step], collection: object, token: str) -> CollectionStep:
    return CollectionStep(collection, token)


def _call_step(  # noqa: PLR0913, PLR0917  what a call is made of; by position, as it is pickled
    inputs: Sequence[Step],
    spec: FunctionSpec,
    kargs: Kargs,
    varargs: tuple[object, ...],
    paths: tuple[str, ...],
    awaits: tuple[int, ...],
    holes: tuple[str | int, ...],
    token: str,
    recipe: RecipeKey | None,
    digests: engine.Digests | engine.HexDigests | None,
) -> CallStep:
    awaited = tuple([inputs[index] for index in awaits])
    return CallStep(spec, kargs, varargs, tuple(inputs), paths, awaited, holes, token, recipe, digests)
