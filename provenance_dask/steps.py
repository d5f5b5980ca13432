"""Calls that have not run: what they are made of, their keys, and what is known of their results."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from provenance import engine
from provenance.engine import Artifact, FunctionSpec
from provenance.errors import InvalidInputsError
from provenance.types import ArtifactId, Kargs, RecipeKey
from provenance_dask import _compat
from provenance_dask.shipping import Surroundings
from provenance_dask.tasks import CallTask, MemberTask, Slot, fill, run_call, run_lost_call, take_member

Status: TypeAlias = Literal["unknown", "hit", "miss", "undecided", "computed"]
Results: TypeAlias = Mapping["Step", Artifact]

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
_IS_NODE = "__provenance_node__"
_serial = itertools.count()


class Pending(Protocol):
    """Steps that a scheduler was given, as long as it is not known what became of them."""

    def settle(self) -> None:
        """Look up what became of them, and leave it on them."""


class Step:
    """One node of a graph.

    Attributes
    ----------
    spec : FunctionSpec
        The function that is called.
    inputs : tuple of Step
        The steps whose results it needs, each once.
    awaits : tuple of Step
        Those of them that its content key is made of.
    paths : tuple of str
        Where each input first stands among the arguments.
    token : str
        Names the step: 64 hex digits, equal for equal calls.
    recipe : RecipeKey or None
        Key the result can be found by before anything runs; None where it must not be.
    serial : int
        Grows with each step; inputs have smaller ones than what uses them.
    annotations : dict or None
        What ``dask.annotate`` said when the step was made.
    status : str
        What is known of the result.
    found : Artifact or None
        The stored result.
    futures : mapping or None
        Results that are being computed elsewhere, by key, for a step that was persisted.
    pending : Pending or None
        Finds out what became of the step, while that is not known.
    is_lost : bool
        Whether the stored result could not be read, so that it has to be computed again.
    """

    __slots__ = (
        "annotations",
        "awaits",
        "found",
        "futures",
        "inputs",
        "is_lost",
        "paths",
        "pending",
        "recipe",
        "serial",
        "spec",
        "status",
        "token",
    )

    def __init__(
        self,
        spec: FunctionSpec,
        places: Mapping[Step, str],
        awaits: Iterable[Step],
        token: str,
        recipe: RecipeKey | None,
    ) -> None:
        self.spec = spec
        self.inputs = tuple(places)
        self.paths = tuple(places.values())
        self.awaits = self.inputs if awaits is places else tuple(awaits)
        self.token = token
        self.recipe = recipe
        self.serial = next(_serial)
        self.annotations = _compat.current_annotations()
        self.status: Status = "unknown"
        self.found: Artifact | None = None
        self.futures: Mapping[str, object] | None = None
        self.pending: Pending | None = None
        self.is_lost = False

    @property
    def name(self) -> str:
        """Artifact name of the result."""
        return self.spec.name

    @property
    def label(self) -> str:
        """Module and qualified name of what is called."""
        return self.spec.label

    @property
    def key(self) -> str:
        """Name and token: what users see as the node's key."""
        return f"{self.name}-{self.token}"

    def settle(self) -> None:
        """Find out what became of the step, if a scheduler was given it."""
        if self.pending is not None:
            self.pending.settle()

    def content_id(self, results: Results) -> ArtifactId:
        """Artifact id of the result, when the results of what it awaits are known."""
        raise NotImplementedError

    def task(self, key: str, sources: Sequence[object], recipe: RecipeKey | None, where: Surroundings) -> object:
        """The Dask task; `sources` has a proxy or a reference to another task for each input."""
        raise NotImplementedError

    def support(self) -> Mapping[Any, object]:
        """Other tasks that its own one needs, besides those of its inputs."""
        return {}

    def copy(self) -> Step:
        """Another step for the same result."""
        raise NotImplementedError


class CallStep(Step):
    """A call of a decorated function.

    `holes` names the arguments in which inputs stand; `digests` are the hashes of the arguments, where none of them
    awaits an input.
    """

    __slots__ = ("digests", "holes", "kargs", "varargs")

    def __init__(  # noqa: PLR0913  what a call is made of
        self,
        spec: FunctionSpec,
        kargs: Kargs,
        varargs: tuple[object, ...],
        *,
        places: Mapping[Step, str],
        awaits: Iterable[Step],
        holes: tuple[str | int, ...],
        token: str,
        recipe: RecipeKey | None,
        digests: engine.Digests | None,
    ) -> None:
        super().__init__(spec, places, awaits, token, recipe)
        self.kargs = kargs
        self.varargs = varargs
        self.holes = holes
        self.digests = digests

    def content_id(self, results: Results) -> ArtifactId:
        """Artifact id of the result, when the results of what it awaits are known."""
        if self.digests is not None:
            return engine.artifact_id(self.spec, self.digests)
        kargs, varargs = self.with_known(results)
        return engine.artifact_id(self.spec, engine.resolve_inputs(self.spec, kargs, varargs, None).digests)

    def with_known(self, results: Results) -> tuple[Kargs, tuple[object, ...]]:
        """The arguments with proxies in place of the nodes whose results are known."""
        proxies = {step.token: engine.lazy_proxy(results[step]) for step in self.awaits if step in results}
        return self._filled(lambda node: proxies.get(node.step.token, node))

    def task(self, key: str, sources: Sequence[object], recipe: RecipeKey | None, where: Surroundings) -> object:
        """The Dask task; see `Step.task`."""
        slots = {step.token: Slot(index) for index, step in enumerate(self.inputs)}
        kargs, varargs = self._filled(lambda node: slots[node.step.token])
        literals = tuple(None if type(source) is _compat.TaskRef else source for source in sources)
        payload = CallTask(key, self.spec, kargs, varargs, self.holes, literals, recipe, where, engine.current_job())
        run = run_lost_call if self.is_lost else run_call
        return _compat.Task(key, run, payload, *(s for s in sources if type(s) is _compat.TaskRef))

    def copy(self) -> CallStep:
        """Another step for the same call."""
        return CallStep(
            self.spec,
            self.kargs,
            self.varargs,
            places=dict(zip(self.inputs, self.paths, strict=True)),
            awaits=self.awaits,
            holes=self.holes,
            token=self.token,
            recipe=self.recipe,
            digests=self.digests,
        )

    def _filled(self, replace: Any) -> tuple[Kargs, tuple[object, ...]]:
        return fill(self.kargs, self.varargs, self.holes, is_node, replace)


class MemberStep(Step):
    """The member `member` of a composite result."""

    __slots__ = ("member",)

    def __init__(self, composite: Step, member: str) -> None:
        recipe = None if composite.recipe is None else engine.member_recipe(composite.recipe, member)
        token = recipe or engine.member_recipe(RecipeKey(composite.token), member)
        super().__init__(composite.spec, {composite: ""}, (composite,), token, recipe)
        self.member = member

    @property
    def name(self) -> str:
        """Artifact name of the member."""
        return f"{self.spec.name}_{self.member}"

    def content_id(self, results: Results) -> ArtifactId:
        """Artifact id of the result, when the results of what it awaits are known."""
        return engine.member_id(results[self.inputs[0]].id, self.member)

    def task(self, key: str, sources: Sequence[object], recipe: RecipeKey | None, where: Surroundings) -> object:
        """The Dask task; see `Step.task`."""
        (source,) = sources
        if type(source) is _compat.TaskRef:
            return _compat.Task(key, take_member, MemberTask(key, self.member, None, recipe, where), source)
        return _compat.Task(key, take_member, MemberTask(key, self.member, source, recipe, where))

    def copy(self) -> MemberStep:
        """Another step for the same member."""
        return MemberStep(self.inputs[0], self.member)


def is_node(obj: object) -> bool:
    """Whether an object is a lazy artifact; nothing of it is touched."""
    return hasattr(type(obj), _IS_NODE)


def is_call(step: Step) -> bool:
    """Whether a step's result is an artifact: that of a call, or a member of one."""
    return isinstance(step, CallStep | MemberStep)


def is_collection(obj: object) -> bool:
    """Whether an object is a lazy artifact or another Dask collection; a proxy, which asking would load, is none."""
    if is_node(obj):
        return True
    return hasattr(type(obj), "__dask_graph__") and bool(_compat.is_dask_collection(obj))


def call_step(spec: FunctionSpec, args: tuple[object, ...], kwargs: Kargs) -> CallStep:
    """The step for a call; literals are hashed, nothing is looked up.

    Raises
    ------
    HashingError, InvalidInputsError
        An argument has no deterministic encoding, or a node stands where its value could not be put.
    """
    kargs, varargs = spec.bind(args, kwargs)
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
    return CallStep(
        spec,
        kargs,
        varargs,
        places=met,
        awaits=awaited,
        holes=holes,
        token=recipe if reuses else os.urandom(32).hex(),
        recipe=recipe if reuses and _all_have_recipes(awaited) else None,
        digests=None if awaited else inputs.digests,
    )


def has_hooks(spec: FunctionSpec) -> bool:
    """Whether what is hashed of a function's inputs is made of their values by functions of the user."""
    return spec.options.input_process_fn is not None or spec.options.input_hash_fn is not None


def _all_have_recipes(steps: Iterable[Step]) -> bool:
    for step in steps:  # noqa: SIM110  all() takes twice the time for the few there are
        if step.recipe is None:
            return False
    return True


def reuses_results(spec: FunctionSpec, *, use_cache: bool) -> bool:
    """Whether calls of a function are looked up, when the setting says `use_cache`."""
    return use_cache if spec.options.use_cache is None else spec.options.use_cache


def _unkeyed(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...]) -> CallStep:
    holes, met = _located(spec, kargs, varargs, {})
    return CallStep(
        spec,
        kargs,
        varargs,
        places=met,
        awaits=met,
        holes=holes,
        token=os.urandom(32).hex(),
        recipe=None,
        digests=None,
    )


def _direct_holes(kargs: Kargs, varargs: tuple[object, ...]) -> tuple[str | int, ...]:
    """The arguments that are nodes themselves."""
    holes: list[str | int] = [name for name, value in kargs.items() if hasattr(type(value), _IS_NODE)]
    if varargs:
        holes.extend(index for index, value in enumerate(varargs) if hasattr(type(value), _IS_NODE))
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
