"""Lazy artifacts: calls of cached functions as nodes of Dask graphs."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, ParamSpec, cast

import provenance as core
from provenance import engine
from provenance.engine import FunctionSpec, Options, attach
from provenance.errors import UsageError
from provenance.types import ArtifactId, JobUse
from provenance_dask import _compat
from provenance_dask.calling import caller
from provenance_dask.embedding import embed
from provenance_dask.flattening import flatten, rebuild
from provenance_dask.graph import Graph, build_graph, build_remote_graph, stored_graph
from provenance_dask.plugin import connect_current
from provenance_dask.resolve import follow, resolve
from provenance_dask.running import compute_steps, persist
from provenance_dask.shipping import Surroundings, surroundings
from provenance_dask.steps import CallStep, MemberStep, Status, Step, is_collection, is_node
from provenance_dask.used import is_noted, note_handed_out

P = ParamSpec("P")

_SECONDS_REMEMBERED = 0.5
"""How long a graph that was given to Dask stands: Dask asks two or three times for each computation."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A graph that was given to Dask, for whom, and until when it may be given again where the same holds."""

    graph: Graph
    key: str
    where: Surroundings
    wanted: tuple[JobUse | None, bool]
    until: float

    def holds(self, where: Surroundings, wanted: tuple[JobUse | None, bool], client: Any) -> bool:
        """Whether it can be given again."""
        is_for_them = self.where is where and self.wanted == wanted and monotonic() <= self.until
        return is_for_them and (client is None or not _compat.is_cancelled(client, self.key))


class LazyArtifact:
    """The result of a call that may not have run: a node of a Dask graph that knows its keys.

    Calls of functions decorated by `provenance_dask.provenance` return them. Pass them to other such functions, alone
    or in lists, tuples, sets, dicts and dataclasses; `compute` gives the proxy of the result. Dask's own functions
    take them as any other collection.
    """

    __slots__ = ("__weakref__", "_given", "step")
    __provenance_node__ = True
    __iter__ = None
    __dask_optimize__ = None
    __dask_scheduler__ = staticmethod(_compat.threaded_get)

    def __init__(self, step: Step) -> None:
        self.step = step
        self._given: _Given | None = None

    @property
    def key(self) -> str:
        """Name and recipe key; equal for equal calls, known before anything runs."""
        return self.step.key

    @property
    def artifact_id(self) -> ArtifactId | None:
        """Id of the artifact; None while it is not known, because it depends on results that are not."""
        step = self.step
        step.settle()
        if step.found is not None:
            return step.found.id
        if isinstance(step, CallStep) and step.digests is not None and step.recipe is not None:
            return step.content_id({})
        return None

    @property
    def status(self) -> Status:
        """What is known of the result.

        ``unknown`` before anything was looked up; then ``hit``, ``miss``, or ``undecided`` for a call that is behind a
        miss. After computing what it turned out to be: ``hit`` or ``computed``, which is looked up when it is first
        asked for, and again as long as a scheduler has the call and its result is not stored.
        """
        self.step.settle()
        return self.step.status

    def compute(self, *, scheduler: Any = None, **kwargs: Any) -> Any:
        """Return the proxy of the result, running only what is not stored.

        Parameters
        ----------
        scheduler : str, callable, Client or Executor, optional
            What runs the tasks, as for `dask.compute`.
        **kwargs : object
            Passed on to the scheduler.
        """
        return compute_steps([self.step], scheduler, _for_scheduler(kwargs))[0]

    def persist(self, **kwargs: Any) -> LazyArtifact:
        """Start computing, and return a lazy artifact backed by the result; see `provenance_dask.persist`."""
        (node,) = persist(self, **kwargs)
        return cast("LazyArtifact", node)

    def to_delayed(self) -> Any:
        """Return a ``dask.delayed.Delayed`` of the plain value; what is stored now is not computed.

        For graphs whose tasks should not meet proxies, such as those of Dask's arrays and dataframes;
        ``dask.delayed(node)`` gives the proxy.
        """
        graph, key = self._graph()
        return _compat.plain_delayed(graph.layers, key, core.unwrap)

    def with_step(self, step: Step) -> LazyArtifact:
        """Return a lazy artifact for another step; this one for its own."""
        return self if step is self.step else LazyArtifact(step)

    def __getitem__(self, member: str) -> LazyArtifact:
        step = self.step
        if isinstance(step, MemberStep) or not step.spec.options.returns_composite:
            msg = (
                f"{step.spec.label} returns no composite, so its result has no members before it is computed: "
                "decorate it with returns_composite=True, or index inside of a function"
            )
            raise TypeError(msg)
        if not isinstance(member, str):
            msg = f"members of composites have names, got {member!r:.40}"
            raise TypeError(msg)
        return LazyArtifact(MemberStep(step, member))

    def __bool__(self) -> bool:
        msg = f"{self!r} is not computed, so it is neither true nor false; call compute() first"
        raise TypeError(msg)

    def __repr__(self) -> str:
        step = self.step
        return f"<LazyArtifact {step.name} {step.status} {step.token[:12]}>"

    def __provenance_encoding__(self) -> bytes:
        return b"R" + bytes.fromhex(self.step.token)

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (flatten(self.step),)

    # ---- the protocol of Dask collections

    def __dask_graph__(self) -> _compat.HighLevelGraph:
        return self._graph()[0].layers

    def __dask_keys__(self) -> list[str]:
        # Dask asks for the keys after the graph, and they have to fit.
        return [self._given.key if self._given is not None else self._graph()[1]]

    def __dask_tokenize__(self) -> tuple[str, str]:
        return "provenance_dask.LazyArtifact", self.step.token

    def __dask_postcompute__(self) -> tuple[Any, tuple[()]]:
        return _compat.single_key, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., LazyArtifact], tuple[Step]]:
        return _persisted, (self.step,)

    def _graph(self) -> tuple[Graph, str]:
        where = surroundings()
        wanted = engine.current_job(), is_noted()
        client = _compat.current_client()  # Dask does not say what will run the graph
        given = self._given
        if given is None or not given.holds(where, wanted, client):
            connect_current(where)
            resolution = resolve([self.step])
            hit = resolution.hits.get(self.step)
            if hit is not None:
                graph = stored_graph(self.step, hit, client)
            elif client is not None:
                graph = build_remote_graph(resolution, where, client)
            else:
                graph = build_graph(resolution, where)
            until = monotonic() + _SECONDS_REMEMBERED
            given = self._given = _Given(graph, graph.keys[self.step], where, wanted, until)
        note_handed_out({self.step: given.key})
        return given.graph, given.key


def by_token(collection: Any) -> LazyArtifact:
    """Let a Dask collection be an argument of lazy functions, keyed by the token of its graph.

    The function gets the computed value. While the token stays the same, a stored result is found without computing
    the collection; a result is keyed by the value in the end, as that of an eager call.

    Parameters
    ----------
    collection : Dask collection
        An array, a bag, a dataframe, a ``Delayed``. Whoever passes it says that its token changes whenever its value
        may, which holds for pure tasks on data that does not change.

    Returns
    -------
    LazyArtifact
        A node whose result is the plain value, which is not stored by itself.

    Raises
    ------
    UsageError
        It is no Dask collection.
    """
    if is_node(collection):
        return cast("LazyArtifact", collection)
    if not is_collection(collection):
        msg = f"by_token takes Dask collections, got {type(collection).__name__}; pass other values as they are"
        raise UsageError(msg)
    return LazyArtifact(embed(collection))


def _restored(flats: Any) -> LazyArtifact:
    """Unpickle a lazy artifact; nothing is known of it in this process."""
    return LazyArtifact(rebuild(flats))


def _persisted(dsk: Mapping[str, Any], step: Step, *, rename: Mapping[str, str] | None = None) -> LazyArtifact:
    """The lazy artifact that Dask's own persist gives for what it computes."""
    tasks = _compat.to_tasks(dsk)
    held = {(rename or {}).get(key, key): value for key, value in tasks.items()}
    if len(held) != 1:
        return LazyArtifact(step)  # an optimised graph, not results: there is nothing in it that the step does not know
    copy = step.copy()
    copy.futures = held
    follow(step, copy)
    return LazyArtifact(copy)


def _for_scheduler(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What ``dask.compute`` takes for itself is not for the scheduler."""
    return {name: value for name, value in kwargs.items() if name not in ("traverse", "optimize_graph")}


def lazy_wrapper(fn: Callable[..., Any], options: Options) -> Callable[..., LazyArtifact]:
    """Build the callable that takes a function's place: what `provenance` gives the core decorator."""
    return _lazy_function(FunctionSpec(fn, options))


def lazy(fn: Callable[..., Any]) -> Callable[..., LazyArtifact]:
    """Return the lazy form of a function that is decorated by `provenance.provenance`.

    Both forms are one function: what one computed is a hit for the other.

    Parameters
    ----------
    fn : callable
        A decorated function or bound method.

    Raises
    ------
    UsageError
        The function is not decorated, or a coroutine function.
    """
    if isinstance(fn, types.MethodType):
        return types.MethodType(lazy(fn.__func__), fn.__self__)
    spec = engine.spec_of(fn)
    if spec is None:
        msg = f"{fn!r:.80} is not decorated by provenance: use @provenance_dask.provenance() or decorate it first"
        raise UsageError(msg)
    return _lazy_function(spec)


def _lazy_function(spec: FunctionSpec) -> Callable[..., LazyArtifact]:
    if inspect.iscoroutinefunction(spec.fn):
        msg = (
            f"{spec.label} is a coroutine function, and Dask tasks run in threads: "
            "decorate a function that calls asyncio.run()"
        )
        raise UsageError(msg)

    return attach(spec, functools.wraps(spec.fn)(caller(spec, LazyArtifact)))


def _lazily(
    decorator: Callable[P, Callable[[Callable[..., Any]], Callable[..., Any]]],
) -> Callable[P, Callable[[Callable[..., Any]], Callable[..., LazyArtifact]]]:
    """The decorator with the same parameters whose functions are lazy."""

    def provenance(*args: P.args, **kwargs: P.kwargs) -> Callable[[Callable[..., Any]], Callable[..., LazyArtifact]]:
        kwargs.setdefault("_provenance_wrapper", lazy_wrapper)
        return decorator(*args, **kwargs)

    provenance.__doc__ = _DOCSTRING
    provenance.__wrapped__ = decorator  # type: ignore[attr-defined]  # gives the signature
    return provenance


_DOCSTRING = """Decorate a function so that calling it returns a `LazyArtifact`, a node of a Dask graph.

Parameters
----------
Those of `provenance.provenance`, with the same meaning. Functions run on Dask's workers when a result is asked for,
and only where it is not stored. Calling one is quick: arguments are hashed, nothing is looked up.

Raises
------
UsageError
    When decorating: as `provenance.provenance`; and the function is a coroutine function.
InvalidInputsError
    When calling: a node is inside an argument that cannot be rebuilt with its value.
"""

provenance = _lazily(core.provenance)
