"""Bind a call's arguments to parameter names by a function compiled once per decorated function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from provenance.engine import signature
from provenance.engine.signature import NO_DEFAULT, Parameter, parameters_of
from provenance.errors import UsageError
from provenance.types import Kargs

_STARS = {signature.VAR_POSITIONAL: "*", signature.VAR_KEYWORD: "**"}
_POSITIONAL = (signature.POSITIONAL_ONLY, signature.POSITIONAL_OR_KEYWORD)


class Head(NamedTuple):
    """What the definition of a function begins with, as source: others that are called like it are compiled with it.

    Attributes
    ----------
    name : str
        Name of the function, or one for it if that is no identifier.
    parameters : str
        What stands between the parentheses.
    names : tuple of str
        Parameters with a name of their own, in order.
    defaults : dict
        Default values by parameter.
    """

    name: str
    parameters: str
    names: tuple[str, ...]
    defaults: dict[str, object]

    def compile(self, body: str, names: Mapping[str, object]) -> Callable[..., Any]:
        """Compile a function with this head; its body refers to the parameters and to `names`."""
        namespace: dict[str, Any] = {f"__default_{key}": value for key, value in self.defaults.items()}
        namespace.update(names)
        exec(f"def {self.name}({self.parameters}):\n{body}", namespace)  # noqa: S102  all else are parameter names
        function: Callable[..., Any] = namespace[self.name]
        return function


class Binder(NamedTuple):
    """How arguments become names and names become arguments again.

    Attributes
    ----------
    head : Head
        Compiles functions that take the same arguments.
    bind : callable
        Takes the arguments of a call and returns ``(kargs, varargs)`` with defaults applied; extra keywords lie
        flat in ``kargs``. Raises ``TypeError`` as the function itself would.
    positional : tuple of str
        Parameters that can be given by position.
    named : frozenset of str
        All parameters with a name of their own.
    defaults : dict
        Default values by parameter.
    var_positional, var_keyword : str or None
        Names of ``*args`` and ``**kwargs``.
    """

    head: Head
    bind: Callable[..., tuple[Kargs, tuple[object, ...]]]
    positional: tuple[str, ...]
    named: frozenset[str]
    defaults: dict[str, object]
    var_positional: str | None
    var_keyword: str | None

    def arguments(self, kargs: Kargs, varargs: tuple[object, ...]) -> tuple[list[object], Kargs]:
        """Positional and keyword arguments that call the function with these inputs."""
        args = [kargs[name] for name in self.positional]
        args.extend(varargs)
        return args, {name: value for name, value in kargs.items() if name not in self.positional}


def compile_binder(fn: Callable[..., Any]) -> Binder:
    """Compile the binder of a function from its signature.

    Raises
    ------
    UsageError
        The function does not say what its parameters are, as some builtin ones do not.
    """
    try:
        parameters = parameters_of(fn)
    except (TypeError, ValueError) as error:
        msg = f"{fn!r:.80} does not say what its parameters are ({error}); decorate a function that calls it"
        raise UsageError(msg) from error
    defaults = {p.name: p.default for p in parameters if p.default is not NO_DEFAULT}
    named = [p for p in parameters if p.kind not in _STARS]
    star = next((p.name for p in parameters if p.kind is signature.VAR_POSITIONAL), None)
    double_star = next((p.name for p in parameters if p.kind is signature.VAR_KEYWORD), None)
    name = getattr(fn, "__name__", "")
    head = Head(
        name=name if name.isidentifier() else "function",
        parameters=_parameter_list(parameters),
        names=tuple(p.name for p in named),
        defaults=defaults,
    )
    return Binder(
        head=head,
        bind=_compile(head, named, star, double_star),
        positional=tuple(p.name for p in named if p.kind in _POSITIONAL),
        named=frozenset(head.names),
        defaults=defaults,
        var_positional=star,
        var_keyword=double_star,
    )


def _compile(
    head: Head, named: list[Parameter], star: str | None, double_star: str | None
) -> Callable[..., tuple[Kargs, tuple[object, ...]]]:
    items = [f"{p.name!r}: {p.name}" for p in named] + ([f"**{double_star}"] if double_star else [])
    guard = ""
    hidden = [p.name for p in named if p.kind is signature.POSITIONAL_ONLY]
    if hidden and double_star:
        # f(a, /, **kw) may be called with a keyword a as well, but inputs have one value per name.
        guard = f"    if not {double_star}.keys().isdisjoint({hidden!r}): __refuse({head.name!r}, {hidden!r})\n"
    body = f"{guard}    return {{{', '.join(items)}}}, {star or '()'}\n"
    return head.compile(body, {"__refuse": _refuse_hidden})


def _parameter_list(parameters: list[Parameter]) -> str:
    parts: list[str] = []
    previous = None
    for p in parameters:
        if previous is signature.POSITIONAL_ONLY and p.kind is not signature.POSITIONAL_ONLY:
            parts.append("/")
        if p.kind is signature.KEYWORD_ONLY and previous not in (signature.KEYWORD_ONLY, signature.VAR_POSITIONAL):
            parts.append("*")
        stars = _STARS.get(p.kind, "")
        default = f"=__default_{p.name}" if p.default is not NO_DEFAULT else ""
        parts.append(f"{stars}{p.name}{default}")
        previous = p.kind
    if previous is signature.POSITIONAL_ONLY:
        parts.append("/")
    return ", ".join(parts)


def _refuse_hidden(fn_name: str, hidden: list[str]) -> None:
    msg = f"{fn_name}() takes {', '.join(hidden)} by position only; a keyword of that name cannot be recorded beside it"
    raise TypeError(msg)
