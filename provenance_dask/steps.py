"""Calls that have not run: what they are made of, their keys, and what is known of their results."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, cast

from provenance import engine
from provenance.engine import Artifact, FunctionSpec
from provenance.types import ArtifactId, Kargs, RecipeKey
from provenance_dask import _compat
from provenance_dask.common import Common
from provenance_dask.tasks import CallTask, MemberTask, fill, is_slot, run_call, run_lost_call, take_member

Status: TypeAlias = Literal["unknown", "hit", "miss", "undecided", "computed"]
Results: TypeAlias = Mapping["Step", Artifact]

NODE_MARK = "__provenance_node__"
"""What the types of lazy artifacts have."""
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
        What ``dask.annotate`` said when the step was made; None or empty where it said nothing.
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

    def __init__(  # noqa: PLR0913, PLR0917  what a step is made of; by position, as graphs have many
        self,
        spec: FunctionSpec,
        inputs: tuple[Step, ...],
        paths: tuple[str, ...],
        awaits: tuple[Step, ...],
        token: str,
        recipe: RecipeKey | None,
    ) -> None:
        self.spec = spec
        self.inputs = inputs
        self.paths = paths
        self.awaits = awaits
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

    def task(self, key: str, sources: Sequence[object], recipe: RecipeKey | None, common: Common) -> object:
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

    In `kargs` and `varargs` slots stand for the inputs; `holes` names the arguments that have any. `digests` are the
    hashes of the arguments, where none of them awaits an input: `HexDigests` where the keys of the function take them.
    """

    __slots__ = ("digests", "holes", "kargs", "varargs")

    def __init__(  # noqa: PLR0913, PLR0917  what a call is made of; by position, as graphs have many
        self,
        spec: FunctionSpec,
        kargs: Kargs,
        varargs: tuple[object, ...],
        inputs: tuple[Step, ...],
        paths: tuple[str, ...],
        awaits: tuple[Step, ...],
        holes: tuple[str | int, ...],
        token: str,
        recipe: RecipeKey | None,
        digests: engine.Digests | engine.HexDigests | None,
    ) -> None:
        # What `Step` sets is set here too: calling it would take a fifth of the time.
        self.spec = spec
        self.inputs = inputs
        self.paths = paths
        self.awaits = awaits
        self.token = token
        self.recipe = recipe
        self.serial = next(_serial)
        self.annotations = _compat.current_annotations()
        self.status = "unknown"
        self.found = None
        self.futures = None
        self.pending = None
        self.is_lost = False
        self.kargs = kargs
        self.varargs = varargs
        self.holes = holes
        self.digests = digests

    def content_id(self, results: Results) -> ArtifactId:
        """Artifact id of the result, when the results of what it awaits are known."""
        digests = self.digests
        if digests is not None:
            if isinstance(digests, engine.Digests):
                return engine.artifact_id(self.spec, digests)
            return cast("engine.CallKeys", self.spec.keys).artifact_id(digests)
        kargs, varargs = self.with_known(results)
        return engine.artifact_id(self.spec, engine.resolve_inputs(self.spec, kargs, varargs, None).digests)

    def with_known(self, results: Results) -> tuple[Kargs, tuple[object, ...]]:
        """The arguments with proxies of the results that are known, and `Awaited` in place of the others."""
        awaited = set(self.awaits)
        known = [
            engine.lazy_proxy(results[step]) if step in awaited and step in results else Awaited(step)
            for step in self.inputs
        ]
        return fill(self.kargs, self.varargs, self.holes, is_slot, known.__getitem__)

    def task(self, key: str, sources: Sequence[object], recipe: RecipeKey | None, common: Common) -> object:
        """The Dask task; see `Step.task`."""
        literals = tuple([None if type(source) is _compat.TaskRef else source for source in sources])
        payload = CallTask(key, common, self.kargs, self.varargs, self.holes, literals, recipe)
        run = run_lost_call if self.is_lost else run_call
        return _compat.Task(key, run, payload, *[s for s in sources if type(s) is _compat.TaskRef])

    def copy(self) -> CallStep:
        """Another step for the same call."""
        return CallStep(
            self.spec,
            self.kargs,
            self.varargs,
            self.inputs,
            self.paths,
            self.awaits,
            self.holes,
            self.token,
            self.recipe,
            self.digests,
        )


class Awaited:
    """Stands in arguments for the result of a step; hashes as the node of the step does."""

    __slots__ = ("step",)
    __provenance_node__ = True

    def __init__(self, step: Step) -> None:
        self.step = step

    def __provenance_encoding__(self) -> bytes:
        return b"R" + bytes.fromhex(self.step.token)


class MemberStep(Step):
    """The member `member` of a composite result."""

    __slots__ = ("member",)

    def __init__(self, composite: Step, member: str) -> None:
        recipe = None if composite.recipe is None else engine.member_recipe(composite.recipe, member)
        token = recipe or engine.member_recipe(RecipeKey(composite.token), member)
        super().__init__(composite.spec, (composite,), ("",), (composite,), token, recipe)
        self.member = member

    @property
    def name(self) -> str:
        """Artifact name of the member."""
        return f"{self.spec.name}_{self.member}"

    def content_id(self, results: Results) -> ArtifactId:
        """Artifact id of the result, when the results of what it awaits are known."""
        return engine.member_id(results[self.inputs[0]].id, self.member)

    def task(self, key: str, sources: Sequence[object], recipe: RecipeKey | None, common: Common) -> object:
        """The Dask task; see `Step.task`."""
        (source,) = sources
        if type(source) is _compat.TaskRef:
            return _compat.Task(key, take_member, MemberTask(key, self.member, None, recipe, common.where), source)
        return _compat.Task(key, take_member, MemberTask(key, self.member, source, recipe, common.where))

    def copy(self) -> MemberStep:
        """Another step for the same member."""
        return MemberStep(self.inputs[0], self.member)


def is_node(obj: object) -> bool:
    """Whether an object is a lazy artifact; nothing of it is touched."""
    return hasattr(type(obj), NODE_MARK)


def is_call(step: Step) -> bool:
    """Whether a step's result is an artifact: that of a call, or a member of one."""
    return isinstance(step, CallStep | MemberStep)


def is_collection(obj: object) -> bool:
    """Whether an object is a lazy artifact or another Dask collection; a proxy, which asking would load, is none."""
    if is_node(obj):
        return True
    return hasattr(type(obj), "__dask_graph__") and bool(_compat.is_dask_collection(obj))


def has_hooks(spec: FunctionSpec) -> bool:
    """Whether what is hashed of a function's inputs is made of their values by functions of the user."""
    return spec.options.input_process_fn is not None or spec.options.input_hash_fn is not None


def reuses_results(spec: FunctionSpec, *, use_cache: bool) -> bool:
    """Whether calls of a function are looked up, when the setting says `use_cache`."""
    return use_cache if spec.options.use_cache is None else spec.options.use_cache
