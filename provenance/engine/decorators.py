"""The decorator that caches a function's results and records where they come from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from provenance._util.deferred import Deferred
from provenance.artifacts.ids import is_proxy
from provenance.engine.execute import run, run_async
from provenance.engine.frames import current_frame
from provenance.engine.options import InputsFn, Options, normalize_options
from provenance.engine.signature import is_coroutine_function
from provenance.engine.spec import FunctionSpec, attach
from provenance.errors import InvalidInputsError, UsageError
from provenance.types import JSON, Repo, Version

if TYPE_CHECKING:
    import inspect
else:
    inspect = Deferred("inspect")

P = ParamSpec("P")
R = TypeVar("R")


def provenance_wrapper(fn: Callable[..., Any], options: Options) -> Callable[..., Any]:
    """Build the callable that takes a function's place: the default of ``_provenance_wrapper``.

    Parameters
    ----------
    fn : callable
        The function that was decorated.
    options : Options
        The decorator's parameters, checked.
    """
    spec = FunctionSpec(fn, options)
    if is_coroutine_function(fn):

        @functools.wraps(fn)
        async def cached_async(*args: object, **kwargs: object) -> object:
            return await run_async(spec, args, kwargs)

        return attach(spec, cached_async)

    @functools.wraps(fn)
    def cached(*args: object, **kwargs: object) -> object:
        return run(spec, args, kwargs)

    return attach(spec, cached)


def provenance(  # noqa: PLR0913, PLR0917  the published signature
    version: Version = 0,
    repo: Repo | str | None = None,
    name: str | None = None,
    merge_defaults: bool | Collection[str] | None = None,  # noqa: FBT001
    ignore: Collection[str] | None = None,
    input_hash_fn: InputsFn | None = None,
    remove: Collection[str] | None = None,
    input_process_fn: InputsFn | None = None,
    archive_file: bool = False,  # noqa: FBT001, FBT002
    delete_original_file: bool = False,  # noqa: FBT001, FBT002
    preserve_file_ext: bool = False,  # noqa: FBT001, FBT002
    returns_composite: bool = False,  # noqa: FBT001, FBT002
    custom_fields: Mapping[str, JSON] | None = None,
    serializer: str | Mapping[str, str] | None = None,
    load_kwargs: Mapping[str, Any] | None = None,
    dump_kwargs: Mapping[str, Any] | None = None,
    use_cache: bool | None = None,  # noqa: FBT001
    tags: Collection[str] | None = None,
    _provenance_wrapper: Callable[[Callable[..., Any], Options], Callable[..., Any]] = provenance_wrapper,
    *,
    read_only: bool | None = None,
    pass_proxies: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that its results are stored by the values of its inputs, and reused.

    The decorated function returns an `ArtifactProxy`: it behaves as the result and carries the `Artifact`, the
    record of the call. Calls with equal inputs are computed once, in any process that uses the same repo. Works
    for functions, methods, static and class methods, and coroutine functions (awaiting gives the proxy).

    Parameters
    ----------
    version : int or str
        Change it when the function, or something it depends on, changed so that stored results are outdated.
    repo : Repo or str, optional
        Where results are looked up and stored; a name means the configured repo of that name. The default repo
        if not given, which is what most code should use.
    name : str, optional
        The artifact's name, and what its key is made of. If not given, the artifact is named after the function
        and the key is made of module and qualified name.
    merge_defaults : bool or collection of str, optional
        Parameters whose default is a dict which a given dict is merged over; True means all such parameters.
    ignore : collection of str, optional
        Parameters that are recorded but do not count: calls that differ only in them are one call.
    input_hash_fn : callable, optional
        Gets ``{'kargs': {name: hash}, 'varargs': (hash, ...)}`` and returns a dict of that shape with what is
        to count. `ignore` is simpler for most uses.
    remove : collection of str, optional
        Parameters that are neither hashed nor recorded, because they are large or cannot be stored.
    input_process_fn : callable, optional
        Gets ``{'kargs': {name: value}, 'varargs': (value, ...)}`` and returns a dict of that shape with what is
        to be hashed and recorded. The function itself gets what the caller passed.
    archive_file : bool
        The function returns the path of a file, which is copied into the blobstore; the result is an
        `ArchivedFile`, usable wherever a path is.
    delete_original_file : bool
        With `archive_file`: remove the returned file once its copy is verified and recorded.
    preserve_file_ext : bool
        With `archive_file`: let the value id, and the stored file's name, end with the file's extension.
    returns_composite : bool
        The function returns a dict, and every value of it is stored as an artifact of its own, named
        ``{name}_{key}``. The result is a dict of proxies, each loaded when it is used.
    custom_fields : mapping, optional
        A JSON object that is recorded, to search by.
    serializer : str or mapping, optional
        Name of the serializer for the result; by type of the result if not given. With `returns_composite`
        also a dict of names by key.
    load_kwargs, dump_kwargs : mapping, optional
        Keyword arguments for the serializer when it loads and dumps. With `returns_composite` also dicts by key.
    use_cache : bool, optional
        False computes every call anew and records it as an artifact of its own, unless the value is one that
        was recorded before. None follows `set_use_cache`.
    tags : collection of str, optional
        Recorded in the custom fields under ``tags``.
    _provenance_wrapper : callable, optional
        Gets the function and its checked options and returns the callable that takes its place: what plugins
        are built on.
    read_only : bool, optional
        True looks results up but stores none: the proxy of a computed result carries an artifact that is in no
        repo. None follows `set_read_only`.
    pass_proxies : bool
        The function gets proxies as they were passed. By default it gets their plain values.

    Returns
    -------
    callable
        A decorator.

    Raises
    ------
    UsageError
        When decorating: an option does not fit, or the function is a generator function.
    HashingError
        When calling: an input has no deterministic encoding; the message names the path to it.
    ImpureFunctionError
        When calling: the function changed one of its inputs.

    Warns
    -----
    UnrecordedResultWarning
        The result could not be recorded; the call returns the plain value.
    """
    options = normalize_options(
        version=version,
        repo=repo,
        name=name,
        merge_defaults=merge_defaults,
        ignore=ignore,
        input_hash_fn=input_hash_fn,
        remove=remove,
        input_process_fn=input_process_fn,
        archive_file=archive_file,
        delete_original_file=delete_original_file,
        preserve_file_ext=preserve_file_ext,
        returns_composite=returns_composite,
        custom_fields=custom_fields,
        serializer=serializer,
        load_kwargs=load_kwargs,
        dump_kwargs=dump_kwargs,
        use_cache=use_cache,
        tags=tags,
        read_only=read_only,
        pass_proxies=pass_proxies,
    )

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        given: Any = fn
        if isinstance(given, classmethod | staticmethod):
            return cast("Callable[P, R]", type(given)(_provenance_wrapper(given.__func__, options)))
        if not callable(given):
            msg = f"only functions can be decorated, got {given!r:.80}"
            raise UsageError(msg)
        return cast("Callable[P, R]", _provenance_wrapper(given, options))

    return decorate


def ensure_proxies(*parameters: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that the named parameters only take artifact proxies.

    Use it where lineage must not be lost by passing a plain value. It works above and below `provenance`.

    Parameters
    ----------
    *parameters : str
        Names of parameters; every argument that is passed if none is named.

    Raises
    ------
    UsageError
        When decorating: the function has no such parameter.
    InvalidInputsError
        When calling: an argument is no proxy; the message names it.
    """

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(fn)
        unknown = sorted(set(parameters) - set(signature.parameters))
        if unknown:
            msg = f"ensure_proxies names {unknown!r}, but {fn.__qualname__} has only {list(signature.parameters)!r}"
            raise UsageError(msg)

        def check(args: Any, kwargs: Any) -> None:
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                if not parameters or name in parameters:
                    _require_proxies(fn, name, value, signature.parameters[name].kind)

        @functools.wraps(fn)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check(args, kwargs)
            return fn(*args, **kwargs)

        @functools.wraps(fn)
        async def checked_async(*args: P.args, **kwargs: P.kwargs) -> object:
            check(args, kwargs)
            return await cast("Any", fn)(*args, **kwargs)

        return cast("Callable[P, R]", checked_async) if is_coroutine_function(fn) else checked

    return decorate


def _require_proxies(fn: Callable[..., Any], name: str, value: Any, kind: Any) -> None:
    values = {name: value}
    if kind is inspect.Parameter.VAR_POSITIONAL:
        values = {f"{name}[{index}]": item for index, item in enumerate(value)}
    elif kind is inspect.Parameter.VAR_KEYWORD:
        values = value
    for path, item in values.items():
        if not is_proxy(item) and not _is_carried(item):
            msg = (
                f"{fn.__qualname__} takes only artifact proxies for {path}, got {type(item).__name__}; "
                "pass the result of a decorated function, load_proxy() or archive_file()"
            )
            raise InvalidInputsError(msg)


def _is_carried(value: object) -> bool:
    """Whether the value is the plain form of a proxy that the running body was given."""
    frame = current_frame()
    return frame is not None and id(value) in frame.carried
