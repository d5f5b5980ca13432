"""Large arguments are stored once, and travel to workers as the ids of what was stored."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from typing import Any

import provenance as core
from provenance import engine
from provenance.errors import HashingError
from provenance.types import ArtifactRecord, Repo
from provenance_dask import _compat
from provenance_dask.held import is_stored_proxy
from provenance_dask.tasks import CallTask, Plainly, Slot, run_call, run_lost_call
from provenance_dask.weights import weight

_SMALL = frozenset({type(None), bool, int, float, complex, Slot})
_RUNNERS = (run_call, run_lost_call)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_PLAIN_DATA = frozenset({"builtins", "numpy", "pandas", "pyarrow", "polars", "scipy", "xarray"})
"""Packages whose values any process can read; classes of others may be those of a notebook."""


@core.provenance(remove=["value"], use_cache=True)
def literal(digest: str, value: object) -> object:  # noqa: ARG001  the digest is the key
    """A large argument, keyed by its hash."""
    return value


@core.provenance(remove=["value"], use_cache=True, serializer="cloudpickle")
def literal_object(digest: str, value: object) -> object:  # noqa: ARG001  as above
    """A large argument whose class may be defined in a notebook or a program."""
    return value


def is_literal(record: ArtifactRecord) -> bool:
    """Whether an artifact is a large argument that was stored here, and not the result of a user's function."""
    return record.fn_module == __name__


def store_large(tasks: Mapping[str, object], repo: Repo, limit: int) -> None:
    """Put ids in place of the arguments of tasks that are larger than `limit` bytes.

    Each distinct value becomes one artifact of `repo`, also for later graphs. Where the repo is not written, arguments
    stay what they are.
    """
    if not repo.permissions.write or engine.settings().read_only:
        return
    store = _Store(repo, limit)
    for task in tasks.values():
        if type(task) is _compat.Task and task.func in _RUNNERS:
            _shrink(task.args[0], store)


def _shrink(task: CallTask, store: _Store) -> None:
    places: list[tuple[str | int, Any]] = [*task.kargs.items(), *enumerate(task.varargs)]
    large = [(place, value) for place, value in places if type(value) not in _SMALL and store.is_large(value)]
    if not large:
        return
    options = task.common.spec.options
    # These see the arguments before the body gets them as plain values.
    is_plain = options.pass_proxies or options.input_process_fn is not None
    kargs, varargs, literals = dict(task.kargs), list(task.varargs), list(task.literals)

    def slot(value: object) -> object:
        proxy = store.proxy_of(value)
        if proxy is None:
            return value
        literals.append(Plainly(proxy) if is_plain else proxy)
        return Slot(len(literals) - 1)

    for place, value in large:
        small = engine.map_leaves(value, store.is_large_leaf, slot)
        if small is value and place not in task.holes:
            small = slot(value)
        if small is not value:
            target: Any = varargs if isinstance(place, int) else kargs
            target[place] = small
    # Slots are looked for in these arguments only.
    task.holes = tuple(dict.fromkeys((*task.holes, *(place for place, _ in large))))
    task.kargs, task.varargs, task.literals = kargs, tuple(varargs), tuple(literals)


class _Store:
    """Stores large values, each object and each value once."""

    def __init__(self, repo: Repo, limit: int) -> None:
        self._repo = repo
        self._limit = limit
        self._known: dict[int, tuple[object, object]] = {}

    def is_large(self, value: object) -> bool:
        return weight(value) > self._limit

    def is_large_leaf(self, value: object) -> bool:
        kind = type(value)
        if kind in _SMALL or issubclass(kind, _CONTAINERS) or hasattr(kind, "__dataclass_fields__"):
            return False
        return self.is_large(value)

    def proxy_of(self, value: object) -> object | None:
        """A proxy of the stored value; None if it could not be stored."""
        known = self._known.get(id(value))
        if known is None:
            # In a context of its own: the job did not ask for this, and no set or body is to count it.
            stored: Any = contextvars.Context().run(_stored, value, self._repo)
            proxy = engine.lazy_proxy(stored.artifact) if is_stored_proxy(stored) else None
            known = self._known[id(value)] = (value, proxy)
        return known[1]


def _stored(value: object, repo: Repo) -> object:
    kind = type(value)
    is_data = kind.__module__.partition(".")[0] in _PLAIN_DATA and not issubclass(kind, _CONTAINERS)
    try:
        digest = core.hash(value)
    except HashingError:
        return value  # an argument that is not hashed
    with core.using_repo(repo):
        proxy = (literal if is_data else literal_object)(digest, value)
        # A damaged one is repaired now, where the value is at hand.
        engine.plain_value(proxy)
        return proxy
