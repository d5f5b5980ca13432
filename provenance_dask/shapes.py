"""Calls with atoms and nodes, which large graphs are made of: compiled for each set of arguments that are nodes.

What is the same in all calls that get nodes as the same arguments is found out once. ``add(left, right)`` becomes a
function that chooses by types, and one for calls such as ``add(node, 1)``::

    def add(left, right):
        return makers[kind(left), kind(right)](left, right)

    def make(a0, a1):
        s0 = a0.step
        k1 = latest[1]
        if k1[0] is not a1:
            k1 = a1, hash_atom(a1).encode()
            latest[1] = k1
        digests = (s0.token.encode(), k1[1])
        ...
        return node(CallStep(spec, {"left": slot0, "right": a1}, (), inputs, ...))
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from provenance import engine
from provenance.engine import ATOMS, CallKeys, FunctionSpec
from provenance_dask.steps import NODE_MARK, CallStep
from provenance_dask.tasks import Slot

N = TypeVar("N")

_SIZED = frozenset({str, bytes})
_LONGEST = 256
"""Characters or bytes of an argument up to which it is kept for the next call."""
_MOST_KINDS = 1024
"""Combinations of types of arguments that are kept for one function."""

_SOURCE = """\
def make({arguments}):
    {taken}
    digests = ({digests})
    recipe = recipe_of(digests)
    reuses = {reuses}
    token = recipe if reuses else no_key()
    known_by = recipe if {known} else None
    inputs = ({inputs})
    return node(CallStep(spec, {kargs}, (), inputs, paths, inputs, holes, token, known_by, {kept}))
"""


def compiled_caller(
    spec: FunctionSpec, keys: CallKeys, node: Callable[[CallStep], N], otherwise: Callable[..., N]
) -> Callable[..., N]:
    """What takes the place of a function whose arguments are its named parameters.

    Parameters
    ----------
    spec, keys
        The function, and the keys of its calls.
    node
        Makes the node of a step.
    otherwise
        Makes the nodes of calls that have other arguments than atoms and different nodes. It gets all arguments, in
        the order of the parameters.
    """
    head = spec.binder.head
    names = head.names
    kinds = "".join([f"__kind({name}), " for name in names])
    makers = _Makers(_Compiler(spec, keys, node, otherwise))
    body = f"    return __makers[({kinds})]({', '.join(names)})\n"
    call: Callable[..., N] = head.compile(body, {"__kind": type, "__makers": makers})
    return call


def no_key() -> str:
    """The token of a step that is equal to no other."""
    return os.urandom(32).hex()


class _Makers(dict[tuple[type, ...], Callable[..., Any]]):
    """What makes the nodes of one function's calls, by the types of the arguments."""

    def __init__(self, compiler: _Compiler) -> None:
        self._compiler = compiler
        self._by_holes: dict[tuple[int, ...], Callable[..., Any]] = {}

    def __missing__(self, kinds: tuple[type, ...]) -> Callable[..., Any]:
        if len(self) >= _MOST_KINDS:
            self.clear()
            self._by_holes.clear()
        make = self[kinds] = self._choose(kinds)
        return make

    def _choose(self, kinds: tuple[type, ...]) -> Callable[..., Any]:
        holes = tuple([place for place, kind in enumerate(kinds) if hasattr(kind, NODE_MARK)])
        if sum([kind in ATOMS for kind in kinds]) + len(holes) < len(kinds):
            return self._compiler.otherwise
        if holes not in self._by_holes:
            self._by_holes[holes] = self._compiler.compile(holes)
        return self._by_holes[holes]


class _Compiler:
    """Compiles what makes the nodes of one function's calls that get nodes as some arguments, and atoms as all others.

    Arguments go by their places in the order of the parameters.
    """

    def __init__(
        self, spec: FunctionSpec, keys: CallKeys, node: Callable[[CallStep], Any], otherwise: Callable[..., Any]
    ) -> None:
        self.otherwise = otherwise
        self._names = names = spec.binder.head.names
        self._keyed = [names.index(name) for name in keys.names]
        self._paths = [spec.paths[name] for name in names]
        fixed = spec.options.use_cache
        self._reuses = "settings().use_cache" if fixed is None else repr(fixed)
        # What each parameter got last, and its hash: many calls get the very same object.
        latest: list[tuple[object, bytes]] = [(object(), b"")] * len(names)
        self._shared = {
            "CallStep": CallStep,
            "hash_atom": engine.hash_atom,
            "latest": latest,
            "no_key": no_key,
            "node": node,
            "otherwise": otherwise,
            "recipe_of": keys.recipe,
            "settings": engine.settings,
            "sized": _SIZED,
            "spec": spec,
        }

    def compile(self, holes: tuple[int, ...]) -> Callable[..., Any]:
        """Compile what makes the nodes of calls that get nodes as the arguments in these places."""
        names = [self._names[hole] for hole in holes]
        slots = [Slot(index) for index in range(len(holes))]
        namespace: dict[str, Any] = {
            **self._shared,
            "holes": tuple(names),
            "paths": tuple([self._paths[hole] for hole in holes]),
            "kargs": dict(zip(names, slots, strict=True)),
            **{f"slot{hole}": slot for hole, slot in zip(holes, slots, strict=True)},
        }
        exec(self._source(holes), namespace)  # noqa: S102  the source holds numbers, and parameter names as strings
        make: Callable[..., Any] = namespace["make"]
        return make

    def _source(self, holes: tuple[int, ...]) -> str:
        places = range(len(self._names))
        arguments = ", ".join([f"a{place}" for place in places])
        steps = [f"s{hole}" for hole in holes]
        taken = [_take_node(place) if place in holes else _take_atom(place) for place in places]
        if len(steps) > 1:
            taken.append(f"if {_any_twice(steps)}: return otherwise({arguments})")
        values = [f"slot{place}" if place in holes else f"a{place}" for place in places]
        items = ", ".join([f"{name!r}: {value}" for name, value in zip(self._names, values, strict=True)])
        digests = [f"s{place}.token.encode(), " if place in holes else f"k{place}[1], " for place in self._keyed]
        return _SOURCE.format(
            arguments=arguments,
            taken="\n    ".join(taken),
            digests="".join(digests),
            reuses=self._reuses,
            known=" and ".join(["reuses", *[f"{step}.recipe is not None" for step in steps]]),
            inputs="".join([f"{step}, " for step in steps]),
            kargs=f"{{{items}}}" if len(holes) < len(places) else "kargs",
            kept="None" if holes else "digests",
        )


def _take_node(place: int) -> str:
    return f"s{place} = a{place}.step"


def _take_atom(place: int) -> str:
    """Source that takes an atom with its hash; both are kept for the next call, unless the atom is long."""
    value, known = f"a{place}", f"k{place}"
    return f"""{known} = latest[{place}]
    if {known}[0] is not {value}:
        {known} = {value}, hash_atom({value}).encode()
        if type({value}) not in sized or len({value}) <= {_LONGEST}: latest[{place}] = {known}"""


def _any_twice(steps: Sequence[str]) -> str:
    """Source that says whether two of these steps are one."""
    if len(steps) == 2:  # noqa: PLR2004  as most often
        return " is ".join(steps)
    return f"len({{{', '.join(steps)}}}) < {len(steps)}"
