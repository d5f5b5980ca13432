"""What a worker runs: tasks that pickle, and the functions that run them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from provenance import engine
from provenance.engine import ArtifactProxy
from provenance.errors import StorageError
from provenance.types import ArtifactId, Kargs, RecipeKey, Repo
from provenance_dask import _compat, held
from provenance_dask.common import Common
from provenance_dask.failing import sendable
from provenance_dask.lending import one_call
from provenance_dask.shipping import Surroundings

logger = logging.getLogger("provenance.dask")


class Slot(int):
    """Stands in arguments for the result of the input with this index.

    Large graphs have many of them. As an int it is nothing that the garbage collector has to look at, nor are the
    arguments around it; it is equal to nothing but itself.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __reduce__(self) -> tuple[object, ...]:
        return Slot, (int(self),)


class Plainly:
    """Marks a literal that the call gets as the plain value: where a proxy would be seen."""

    __slots__ = ("proxy",)

    def __init__(self, proxy: object) -> None:
        self.proxy = proxy

    def __reduce__(self) -> tuple[object, ...]:
        return Plainly, (self.proxy,)


class CallTask:
    """A call whose inputs are known when it runs.

    `literals` has a proxy for each input that was known when the graph was planned, None for each that is the
    result of another task, and then the large arguments that were stored. `trace` is a key to record where there is no
    recipe.
    """

    __slots__ = ("common", "holes", "kargs", "key", "literals", "recipe", "trace", "varargs")

    def __init__(  # noqa: PLR0913, PLR0917  the parts of one call; by position, as it is pickled
        self,
        key: str,
        common: Common,
        kargs: Kargs,
        varargs: tuple[object, ...],
        holes: tuple[str | int, ...],
        literals: tuple[object, ...],
        recipe: RecipeKey | None,
        trace: RecipeKey | None = None,
    ) -> None:
        self.key = key
        self.common = common
        self.kargs = kargs
        self.varargs = varargs
        self.holes = holes
        self.literals = literals
        self.recipe = recipe
        self.trace = trace

    def arguments(self, results: Iterator[object]) -> tuple[Kargs, tuple[object, ...]]:
        """The bound arguments with the results in place of the slots."""
        if not self.holes:
            return self.kargs, self.varargs
        where = self.common.where
        inputs = [
            held.from_task(next(results), where) if literal is None else _literal(literal, where)
            for literal in self.literals
        ]
        return fill(self.kargs, self.varargs, self.holes, is_slot, inputs.__getitem__)

    def __reduce__(self) -> tuple[object, ...]:
        call = (self.key, self.common, self.kargs, self.varargs, self.holes, self.literals, self.recipe, self.trace)
        return CallTask, call

    def __dask_tokenize__(self) -> tuple[str, str]:
        return "provenance_dask.CallTask", self.key

    def __repr__(self) -> str:
        return f"<{self.common.spec.label}>"


class MemberTask:
    """The choice of one member of a composite result; `composite` is its proxy, or None if it comes from a task."""

    __slots__ = ("composite", "key", "member", "recipe", "where")

    def __init__(self, key: str, member: str, composite: object, recipe: RecipeKey | None, where: Surroundings) -> None:
        self.key = key
        self.member = member
        self.composite = composite
        self.recipe = recipe
        self.where = where

    def __reduce__(self) -> tuple[object, ...]:
        return MemberTask, (self.key, self.member, self.composite, self.recipe, self.where)

    def __dask_tokenize__(self) -> tuple[str, str]:
        return "provenance_dask.MemberTask", self.key

    def __repr__(self) -> str:
        return f"<member {self.member!r}>"


def run_call(task: CallTask, *results: object) -> object:
    """Run a call on a worker: look it up by its content key, else compute and store it; return its proxy.

    A result that could not be recorded is returned as the plain value.
    """
    return _run(task, results, engine.run_afresh if task.common.where.repo is None else engine.run_bound)


def run_lost_call(task: CallTask, *results: object) -> object:
    """`run_call` for a result that is stored but cannot be read: it is not looked up."""
    return _run(task, results, engine.compute_bound)


def _run(task: CallTask, results: tuple[object, ...], run: Callable[..., object]) -> object:
    spec, where = task.common.spec, task.common.where
    with where.entered(), engine.working_for(task.common.job), engine.recomputing_lost(), one_call():
        kargs, varargs = task.kargs, task.varargs
        try:
            kargs, varargs = task.arguments(iter(results))
            result = run(spec, kargs, varargs, task.recipe)
        except Exception as error:
            sent = sendable(error) if where.repo is None or _compat.is_in_task() else error
            if not engine.names_call(sent):
                engine.name_call(sent, spec, kargs, varargs)
            if sent is error:
                raise
        else:
            _note_recipe(result, task.recipe or task.trace)
            held.hold(result, where)
            return result
        # Behind the block, as what is raised inside of it carries the error along that cannot be sent.
        raise sent


def take_member(task: MemberTask, *results: Any) -> object:
    """The proxy of one member of a composite result."""
    with task.where.entered(), engine.recomputing_lost():
        composite: Any = results[0] if task.composite is None else task.composite
        member = composite[task.member]
        _note_recipe(member, task.recipe)
        return member


def _literal(literal: object, where: Surroundings) -> object:
    if type(literal) is Plainly:
        return engine.plain_value(held.from_graph(literal.proxy, where))
    return held.from_graph(literal, where)


def is_slot(obj: object) -> bool:
    """Whether an object stands for the result of an input."""
    return type(obj) is Slot


def fill(
    kargs: Kargs,
    varargs: tuple[object, ...],
    holes: tuple[str | int, ...],
    is_leaf: Callable[[object], bool],
    replace: Callable[[Any], object],
) -> tuple[Kargs, tuple[object, ...]]:
    """Bound arguments with something else in place of the leaves in some of them, which `holes` names."""
    if not holes:
        return kargs, varargs
    new_kargs, new_varargs = dict(kargs), list(varargs)
    for hole in holes:
        target: Any = new_varargs if isinstance(hole, int) else new_kargs
        value = target[hole]
        target[hole] = replace(value) if is_leaf(value) else engine.map_leaves(value, is_leaf, replace)
    return new_kargs, tuple(new_varargs)


def _note_recipe(result: object, recipe: RecipeKey | None) -> None:
    """Record the recipe key, where the result is stored already under another one."""
    if recipe is None or not issubclass(type(result), ArtifactProxy):
        return
    artifact = result.artifact  # type: ignore[attr-defined]
    if artifact.is_stored and artifact.record.recipe != recipe:
        add_recipes(artifact.repo, {recipe: artifact.id})


def add_recipes(repo: Repo, recipes: dict[RecipeKey, ArtifactId]) -> None:
    """Record recipe keys where the repo takes them; results are found without them too, only later."""
    if not recipes or not repo.permissions.write or engine.settings().read_only:
        return
    try:
        repo.add_recipes(recipes)
    except StorageError as error:
        logger.warning("%d recipe keys could not be recorded in repo %r: %s", len(recipes), repo.name, error)
