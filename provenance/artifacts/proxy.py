"""Proxies: stand in for a value everywhere, carry its artifact, and load the value when it is first used."""

from __future__ import annotations

import copy
import operator
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from provenance._util.deferred import defer_package
from provenance.artifacts.artifact import Artifact, find_artifact, is_restorable, reading_repo
from provenance.errors import BlobCorruptError, BlobNotFoundError, TierUnavailableError
from provenance.hashing import fingerprint
from provenance.types import ArtifactId, Repo

if TYPE_CHECKING:
    from wrapt import BaseObjectProxy
else:
    # The package's own code imports asyncio and more, which takes longer than a first hit, for one class.
    defer_package("wrapt")
    try:
        from wrapt._wrappers import ObjectProxy as BaseObjectProxy
    except ImportError:  # it was installed without its extension module
        from wrapt import BaseObjectProxy

Recompute: TypeAlias = Callable[[Artifact, Exception], object]

_recompute: ContextVar[Recompute | None] = ContextVar("provenance_recompute", default=None)


class recomputing:  # noqa: N801  reads as a statement: with recomputing(fn)
    """Let `fn` give the values of artifacts whose bytes are lost, damaged or out of reach, inside a ``with`` block.

    It is called with the artifact and the error, and raises that error where it cannot help.
    """

    __slots__ = ("_fn", "_token")

    def __init__(self, fn: Recompute) -> None:
        self._fn = fn

    def __enter__(self) -> None:
        self._token = _recompute.set(self._fn)

    def __exit__(self, *exc_info: object) -> None:
        _recompute.reset(self._token)


def _read(artifact: Artifact) -> object:
    try:
        return artifact.value
    except (BlobNotFoundError, BlobCorruptError, TierUnavailableError) as error:
        if not isinstance(error, TierUnavailableError):
            error.artifact_id = artifact.id
        recompute = _recompute.get()
        if recompute is None:
            raise
        return recompute(artifact, error)


class ArtifactReference:
    """An artifact by id, looked up when it is first asked for."""

    __slots__ = ("_artifact", "_near", "_repo_name", "id")

    def __init__(self, artifact_id: ArtifactId, near: Repo | None, repo_name: str | None) -> None:
        self.id = artifact_id
        self._near = near
        self._repo_name = repo_name
        self._artifact: Artifact | None = None

    def resolve(self) -> Artifact:
        """Look the artifact up, once; threads that race find the same one."""
        if self._artifact is None:
            self._artifact = find_artifact(self.id, self._near, self._repo_name)
        return self._artifact


class ArtifactProxy(BaseObjectProxy[Any]):
    """Behaves as the value it stands for and carries its artifact.

    A proxy pickles as its artifact's id, hashes (`provenance.hash`) as its value, and loads the value at most
    once, when it is first used. ``type(proxy)``, ``id(proxy)``, ``callable(proxy)`` and `is_proxy` do not load
    it. ``copy.copy`` and ``copy.deepcopy`` give a copy of the plain value, and so do in-place operators such as
    ``proxy += 1``: what is changed no longer is the artifact's value.
    """

    __provenance_proxy__ = True

    _self_load: Callable[[], object] | None = None
    _self_transform: Callable[[Any], object] | None = None
    _self_loaded = False

    def __init__(self, source: Artifact | ArtifactReference, load: Callable[[], object] | None) -> None:
        super().__init__(None)
        self._self_source = source
        self._self_lock = threading.RLock()
        if load is not None:
            self._self_load = load

    def __wrapped_factory__(self) -> object:
        """Mark the proxy as lazy for wrapt, which calls `__wrapped_get__` in its place."""
        return self.__wrapped_get__()

    def __wrapped_get__(self) -> object:
        with self._self_lock:
            if self._self_loaded:
                return self.__wrapped__
            load = self._self_load
            if load is None:
                value = _read(self.artifact)
            else:
                value = load()
                self._self_load = None
            self.__wrapped__ = value
            self._self_loaded = True
            return value

    @property
    def artifact(self) -> Artifact:
        """The record of the call that gave the value."""
        source = self._self_source
        return source if isinstance(source, Artifact) else source.resolve()

    @property
    def artifact_id(self) -> ArtifactId:
        """The artifact's id; known without any look-up."""
        return self._self_source.id

    @property
    def is_loaded(self) -> bool:
        """Whether the value is in memory."""
        return self._self_loaded

    def hold(self, value: object) -> None:
        """Take a value that is in memory already as the loaded one."""
        self._self_loaded = True
        self.__wrapped__ = value

    def transform_value(self, fn: Callable[[Any], object]) -> ArtifactProxy:
        """Return a proxy of ``fn(value)`` that carries the same artifact.

        Use it to give the value another form while its lineage is kept. It hashes as the new value and pickles
        as the id with `fn`.
        """
        transformed = proxy_class(callable_value=False)(self._self_source, lambda: fn(plain_value(self)))
        previous = self._self_transform
        transformed._self_transform = fn if previous is None else _Composed(previous, fn)  # noqa: SLF001  another of its kind
        return transformed

    def __provenance_encoding__(self) -> bytes:
        """``C(v)`` of the value, without loading it unless it was transformed."""
        if self._self_transform is not None:
            return fingerprint(plain_value(self)).encoding
        return self.artifact.record.value_encoding

    def __reduce__(self) -> tuple[object, ...]:
        source = self._self_source
        if isinstance(source, Artifact) and not is_restorable(source):
            return _plain, (plain_value(self),)
        repo_name = source.repo.name if isinstance(source, Artifact) else None
        is_callable = issubclass(type(self), CallableArtifactProxy)
        return restore_proxy, (source.id, repo_name, is_callable, self._self_transform)

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return self.__reduce__()

    def __copy__(self) -> object:
        return copy.copy(plain_value(self))

    def __deepcopy__(self, memo: dict[int, object]) -> object:
        return copy.deepcopy(plain_value(self), memo)

    def __dask_tokenize__(self) -> tuple[str, str]:
        return "provenance.ArtifactProxy", self.__provenance_encoding__().hex()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: object, **kwargs: Any) -> object:
        kwargs = {key: _plain_tuple(item) for key, item in kwargs.items()}
        return getattr(ufunc, method)(*_plain_tuple(inputs), **kwargs)

    def __fspath__(self) -> str | bytes:
        return os.fspath(plain_value(self))  # type: ignore[call-overload,no-any-return]

    def __iter__(self) -> Iterator[object]:
        return iter(plain_value(self))  # type: ignore[call-overload,no-any-return]

    def __repr__(self) -> str:
        return f"<ArtifactProxy {self.artifact_id[:12]} {plain_value(self)!r}>"


class CallableArtifactProxy(ArtifactProxy):
    """Proxy of a value that can be called."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the value."""
        return plain_value(self)(*args, **kwargs)  # type: ignore[operator]


def _in_place(name: str) -> Callable[[ArtifactProxy, object], object]:
    function = getattr(operator, name)

    def operate(self: ArtifactProxy, other: object) -> object:
        return function(plain_value(self), other)

    return operate


for _name in [
    "iadd",
    "isub",
    "imul",
    "imatmul",
    "itruediv",
    "ifloordiv",
    "imod",
    "ipow",
    "ilshift",
    "irshift",
    "iand",
    "ior",
    "ixor",
]:
    setattr(ArtifactProxy, f"__{_name}__", _in_place(_name))


class _Composed:
    """Two functions, one after the other; picklable where they are."""

    __slots__ = ("first", "second")

    def __init__(self, first: Callable[[Any], object], second: Callable[[Any], object]) -> None:
        self.first = first
        self.second = second

    def __call__(self, value: object) -> object:
        return self.second(self.first(value))

    def __reduce__(self) -> tuple[object, ...]:
        return _Composed, (self.first, self.second)


def plain_value(obj: object) -> object:
    """The value of a proxy, loaded if need be; any other object itself."""
    # By type: isinstance() would ask a lazy object of any kind for its class, which loads it.
    return obj.__wrapped__ if issubclass(type(obj), ArtifactProxy) else obj  # type: ignore[attr-defined]


def _plain_tuple(value: object) -> Any:
    return tuple(map(plain_value, value)) if type(value) is tuple else plain_value(value)


def _plain(value: object) -> object:
    return value


def proxy_class(*, callable_value: bool) -> type[ArtifactProxy]:
    """The class for proxies of values that can, or cannot, be called."""
    return CallableArtifactProxy if callable_value else ArtifactProxy


def lazy_proxy(artifact: Artifact, load: Callable[[], object] | None = None) -> ArtifactProxy:
    """A proxy that loads the artifact's value, or calls `load`, when it is first used."""
    kind = CallableArtifactProxy if artifact.record.value_callable else ArtifactProxy
    return kind(artifact, load)


def holding_proxy(artifact: Artifact, value: object) -> ArtifactProxy:
    """A proxy of a value that is in memory already."""
    proxy = lazy_proxy(artifact)
    proxy.hold(value)
    return proxy


def reference_proxy(artifact_id: ArtifactId, *, callable_value: bool = False) -> ArtifactProxy:
    """A proxy that knows an id only; its artifact is looked up when it is first asked for."""
    return restore_proxy(artifact_id, None, callable_value, None)


def restore_proxy(
    artifact_id: ArtifactId,
    repo_name: str | None,
    callable_value: bool,  # noqa: FBT001  positional in pickles
    transform: Callable[[Any], object] | None,
) -> ArtifactProxy:
    """Unpickle a proxy from its artifact's id; nothing is looked up until it is used."""
    reference = ArtifactReference(artifact_id, reading_repo(), repo_name)
    proxy = proxy_class(callable_value=callable_value)(reference, None)
    return proxy if transform is None else proxy.transform_value(transform)
