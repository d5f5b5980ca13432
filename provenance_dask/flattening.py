"""Steps as a flat list, in which a graph of any depth pickles without recursion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from provenance_dask.resolve import above
from provenance_dask.steps import Step


@dataclass(frozen=True, slots=True)
class _Flat:
    """A step whose inputs are named by their places in the list.

    `make` and `parts` are how an equal step is made of the nodes of its inputs; see `Step.flat`.
    """

    inputs: tuple[int, ...]
    make: Callable[..., Step]
    parts: tuple[object, ...]
    annotations: dict[str, object] | None
    futures: Any


def flatten(step: Step) -> list[_Flat]:
    """The step and all above it, inputs before what uses them."""
    order = above([step])
    place = {source: number for number, source in enumerate(order)}
    return [
        _Flat(tuple([place[source] for source in flat.inputs]), *flat.flat(), flat.annotations, flat.futures)
        for flat in order
    ]


def rebuild(flats: Sequence[_Flat], node: Callable[[Step], Any]) -> Step:
    """The last step of a flat list; `node` makes the lazy artifacts that stand in arguments."""
    steps: list[Step] = []
    for flat in flats:
        step = flat.make([node(steps[number]) for number in flat.inputs], *flat.parts)
        step.annotations = flat.annotations
        step.futures = flat.futures
        steps.append(step)
    return steps[-1]
